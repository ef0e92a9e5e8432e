"""The settings of the tutorial's project; bench/systems/catalogue.py sets LAYER (core or pubsub) and REDIS_URL."""

import os

SECRET_KEY = "only-for-measuring"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["daphne", "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
ROOT_URLCONF = "bench.systems.tutorial.urls"
ASGI_APPLICATION = "bench.systems.tutorial.asgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
BACKENDS = {"core": "channels_redis.core.RedisChannelLayer", "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer"}
CHANNEL_LAYERS = {
    "default": {"BACKEND": BACKENDS[os.environ["LAYER"]], "CONFIG": {"hosts": [os.environ["REDIS_URL"]]}},
}
