"""Settings: read once from the environment (and .env), odd values refused by name.

Where POSTGRES_URL or REDIS_URL is unset, the embedded service that `manage.py live`
started for this DATA_DIR is used; DATA_DIR/run.json says where it listens.
"""

import json
import logging
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF
from environs import Env, validate

from realtime import redis_url

BASE_DIR = Path(__file__).resolve().parent.parent

env = Env()
env.read_env(BASE_DIR / ".env")

DATA_DIR = Path(env.str("DATA_DIR", str(BASE_DIR / ".data"))).absolute()
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000, validate=validate.Range(min=0, max=65535))
DEBUG = env.bool("DEBUG", False)


def _running() -> dict[str, str]:
    """Returns what `live` wrote of the servers that it started; empty while it does not run."""
    try:
        return dict(json.loads((DATA_DIR / "run.json").read_text()))
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _kept_secret() -> str:
    """Returns the key that `live` keeps in DATA_DIR; empty before it was made."""
    try:
        return (DATA_DIR / "secret_key").read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


RUNNING = _running()
BROKER_URL = env.str("BROKER_URL", "")
# the servers that the environment names; `live` starts those that it does not, and run.json says where
GIVEN_POSTGRES_URL = env.str("POSTGRES_URL", "") or env.str("DATABASE_URL", "")
GIVEN_REDIS_URL = env.str("REDIS_URL", "") or redis_url.from_celery(BROKER_URL)
NO_REDIS = "unix:///nothing-is-running?db=0"  # an address that never answers: as when Redis is away
POSTGRES_URL = GIVEN_POSTGRES_URL or RUNNING.get("postgres_url", "")
REDIS_URL = GIVEN_REDIS_URL or RUNNING.get("redis_url", "") or NO_REDIS
# Without a lasting key one is made for this process alone; servers refuse to start with it.
_LASTING_KEY = env.str("SECRET_KEY", "") or _kept_secret()
SECRET_KEY = _LASTING_KEY or secrets.token_urlsafe(40)
SECRET_KEY_LASTS = bool(_LASTING_KEY)

# seconds at most over which an edge that was told to end lets its readers go (consumers/server/drain.py)
DRAIN_SECONDS = env.float("DRAIN_SECONDS", 8.0, validate=validate.Range(min=0.1, max=300))

# --- who may ask
PUBLIC_URL = env.str("PUBLIC_URL", "").rstrip("/")
if PUBLIC_URL and not urlsplit(PUBLIC_URL).netloc:
    raise SystemExit(f"PUBLIC_URL must look like https://news.example.org, not {PUBLIC_URL!r}.")
ORIGINS: list[str] = env.list("ORIGINS", [], delimiter=",")
# the loopback names too: health checks ask from the machine itself
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", urlsplit(PUBLIC_URL).hostname or HOST]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
SECURE = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
        "img-src": [SELF, "data:"],
    }
}


def _networks(name: str, default: list[str]) -> list[str]:
    """Reads addresses and networks, separated by commas; `unix` stands for connections over a unix socket."""
    networks = [text.strip() for text in env.list(name, default, delimiter=",") if text.strip()]
    for text in networks:
        try:
            text == "unix" or ip_network(text)
        except ValueError as error:
            raise SystemExit(f"{name} must list addresses or networks such as 10.0.0.0/8: {error}.") from error
    return networks


# --- how much one client may ask for (docs/limits.md)
TRUSTED_PROXIES = _networks("TRUSTED_PROXIES", [])
METRICS_FROM = _networks("METRICS_FROM", ["127.0.0.0/8", "::1/128"])
# where a comment ends in 0, 0 means no limit
LIVE_MAX_PER_ADDRESS = env.int("LIVE_MAX_PER_ADDRESS", 100, validate=validate.Range(min=0))  # connections; 0
LIVE_MAX_PER_USER = env.int("LIVE_MAX_PER_USER", 30, validate=validate.Range(min=0))  # sockets; 0
LIVE_MAX_REQUESTS = env.int("LIVE_MAX_REQUESTS", 100, validate=validate.Range(min=0))  # a second, of an address; 0
LIVE_MAX_FRAMES = env.int("LIVE_MAX_FRAMES", 20, validate=validate.Range(min=0))  # a second, of a connection; 0
LIVE_MAX_BURST = env.int("LIVE_MAX_BURST", LIVE_MAX_FRAMES * 5 // 2, validate=validate.Range(min=LIVE_MAX_FRAMES))
LIVE_MAX_BAD_FRAMES = env.int("LIVE_MAX_BAD_FRAMES", 10, validate=validate.Range(min=1))
LIVE_MAX_FRAME_BYTES = env.int("LIVE_MAX_FRAME_BYTES", 64 * 1024, validate=validate.Range(min=1024, max=2**24))
LIVE_MAX_TOPICS = env.int("LIVE_MAX_TOPICS", 200, validate=validate.Range(min=1, max=10_000))
LIVE_MAX_UNSENT_BYTES = env.int("LIVE_MAX_UNSENT_BYTES", 512 * 1024, validate=validate.Range(min=16 * 1024))
LIVE_MAX_RECOVERY_ROWS = env.int("LIVE_MAX_RECOVERY_ROWS", 5000, validate=validate.Range(min=1, max=100_000))
LIVE_HANDSHAKE_SECONDS = env.float("LIVE_HANDSHAKE_SECONDS", 30.0, validate=validate.Range(min=0.1, max=300))
LIVE_STALL_SECONDS = env.float("LIVE_STALL_SECONDS", 30.0, validate=validate.Range(min=0.1, max=300))

# --- rooms
INSTALLED_APPS = [
    "realtime",
    "blog",
    "consumers",
    "frontend",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "channels",
    "pipeline",
    "csp",
    "django_celery_results",
    "django_celery_beat",
]
# All middleware is async-capable: a sync-only middleware around an async view keeps Daphne
# from ending on SIGTERM (tests/realtime/test_settings.py asserts it).
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "realtime.snapshot.SnapshotMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "realtime.urls"
ASGI_APPLICATION = "asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "blog.context.publication",
            ],
        },
    }
]

# --- who is asking
AUTH_USER_MODEL = "blog.User"
LOGIN_URL = "sign_in"
CSRF_FAILURE_VIEW = "blog.views.errors.csrf_failure"
LOGIN_REDIRECT_URL = LOGOUT_REDIRECT_URL = "post_list"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# --- the database: order and history
NO_DATABASE = {"NAME": "stop_press", "HOST": "/nothing-is-running"}
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **(dj_database_url.parse(POSTGRES_URL) if POSTGRES_URL else NO_DATABASE),
        "ENGINE": "realtime.postgresql",
        "ATOMIC_REQUESTS": True,
    }
}
# jit: its compile time is 20 times the query's on the log (docs/decisions/0001-the-log.md)
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# what is kept (realtime/retention.py)
LOG_DAYS = env.int("LOG_DAYS", 7, validate=validate.Range(min=1))
LOG_ROWS = env.int("LOG_ROWS", 1_000_000, validate=validate.Range(min=1000))
TASK_DAYS = env.int("TASK_DAYS", 30, validate=validate.Range(min=1))

# --- Redis: the bell, the cache and Celery's queue; it may be lost at any moment
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
# no page needs it (realtime/cache.py); a list, since Django would split an address at a comma
CACHES = {
    "default": {"BACKEND": "realtime.cache.SharedRedisCache", "LOCATION": [REDIS_URL], "KEY_PREFIX": "stop-press:cache"}
}
CELERY_BROKER_URL = redis_url.for_celery(BROKER_URL or REDIS_URL)
CELERY_RESULT_BACKEND = redis_url.for_celery(
    env.str("CELERY_RESULT_BACKEND", "") or "realtime.jobs.result_backend:AnnouncedBackend"
)
CELERY_RESULT_EXTENDED = True
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_REDIRECT_STDOUTS = False  # redirected, a traceback would be logged once more, line by line
# A message that a worker took and did not finish comes back after this; sooner than the longest job
# may last, it would be run twice at once.
CELERY_TASK_SOFT_TIME_LIMIT = 10 * 60
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 60
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60 * 60}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # jobs are long: one that waits behind another could run elsewhere
# a page that starts a job waits half a second at most for a broker that is away; the sweep sends it then
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2, "interval_max": 0.2}
# Due posts have a queue of their own, and in `live` and deploy/ a worker: books may take all others for minutes.
# A worker without --queues takes from both.
CELERY_TASK_QUEUES = {name: {"exchange": "celery", "routing_key": name} for name in ("celery", "due")}
CELERY_TASK_ROUTES = {"blog.tasks.publish_due": {"queue": "due"}}
CELERY_TIMEZONE = env.str("TIME_ZONE", "UTC")
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# `expires`: a round that no worker took in time is dropped, or rounds would pile up behind a long job
CELERY_BEAT_SCHEDULE = {
    "publish what is due": {"task": "blog.tasks.publish_due", "schedule": 5, "options": {"expires": 5}},
    "end what was lost": {"task": "realtime.tasks.sweep", "schedule": 15, "options": {"expires": 15}},
    "trim what is old": {"task": "realtime.tasks.trim", "schedule": 3600, "options": {"expires": 3600}},
}

# --- words and time
LANGUAGE_CODE = env.str("LANGUAGE_CODE", "en", validate=validate.OneOf(["en", "ko"]))
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "frontend" / "locale"]
TIME_ZONE = env.str("TIME_ZONE", "UTC")
USE_TZ = True

# --- files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
SERVESTATIC_ALLOW_ALL_ORIGINS = False  # only fonts would need it, and there are none
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "frontend.assets.AssetStorage"},
}
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "pipeline.finders.PipelineFinder",
]
PIPELINE: dict[str, Any] = {
    "PIPELINE_ENABLED": True,
    "PIPELINE_COLLECTOR_ENABLED": False,
    "DISABLE_WRAPPER": True,
    "SHOW_ERRORS_INLINE": False,
    "COMPILERS": ["frontend.assets.EsbuildCompiler"],
    "JS_COMPRESSOR": None,
    "CSS_COMPRESSOR": "frontend.assets.LightningCompressor",
    "JAVASCRIPT": {
        # reader: every page; desk: the pages for writers, besides (docs/client.md)
        bundle: {
            "source_filenames": [f"js/{bundle}.entry.js"],
            "output_filename": f"js/{bundle}.js",
            "template_name": "pipeline/module.html",
        }
        for bundle in ("reader", "desk")
    },
    "STYLESHEETS": {
        "press": {
            "source_filenames": [
                f"css/{name}.css"
                for name in ("tokens", "base", "layout", "prose", "feed", "books", "forms", "desk", "status", "print")
            ],
            "output_filename": "css/press.css",
        },
    },
}


def _brief(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{"}},
    # the answer of /healthz says what is wrong: a line for each 503 while servers start would only be noise
    "filters": {
        "asked": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(getattr(record, "request", None), "path", "") != "/healthz",
        },
        "brief": {"()": "django.utils.log.CallbackFilter", "callback": _brief},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["asked"]}},
    # while Redis is away the layer logs a traceback for every try; the bell says it in one line, once
    "loggers": {
        "channels_redis.pubsub": {"level": "CRITICAL"},
        # one line for a Host that is not ours, not the 30 of a traceback: any client can send one
        "django.security.DisallowedHost": {"filters": ["brief"]},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING")},
}
