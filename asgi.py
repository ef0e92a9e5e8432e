"""The application of every server: live connections go to their consumers, pages to Django.

`manage.py edge` serves it, and so does any ASGI server: `daphne asgi:application`, `uvicorn asgi:application`.
"""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
pages = get_asgi_application()  # before the imports below: it fills the registries of the apps

from consumers.lifespan import lifespan  # noqa: E402
from consumers.routing import http_urlpatterns, websocket_urlpatterns  # noqa: E402
from consumers.throttle import throttled  # noqa: E402
from consumers.timing import timed  # noqa: E402

pages = timed(pages)

if not settings.SECRET_KEY_LASTS:
    raise ImproperlyConfigured("SECRET_KEY is not set: nobody could stay signed in. Set it to a long random text.")

application = ProtocolTypeRouter(
    {
        "http": URLRouter([*http_urlpatterns, path("live/ticket", throttled(pages)), re_path("", pages)]),  # type: ignore[arg-type]
        "websocket": URLRouter(websocket_urlpatterns),
        "lifespan": lifespan,
    }
)
