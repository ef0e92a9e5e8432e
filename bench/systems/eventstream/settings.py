"""The settings of django-eventstream's project."""

SECRET_KEY = "only-for-measuring"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["daphne", "django.contrib.auth", "django.contrib.contenttypes", "django_eventstream"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "bench.systems.eventstream.urls"
ASGI_APPLICATION = "bench.systems.eventstream.asgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
