"""Where the rooms meet: sockets, streams and the log go to the edge, pages to Django."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
pages = get_asgi_application()  # before the import below: it fills the registries of the apps

from consumers.routing import http_urlpatterns, websocket_urlpatterns  # noqa: E402
from consumers.throttle import throttled  # noqa: E402
from consumers.timing import timed  # noqa: E402

pages = timed(pages)

application = ProtocolTypeRouter(
    {
        "http": URLRouter([*http_urlpatterns, path("live/ticket", throttled(pages)), re_path("", pages)]),  # type: ignore[arg-type]
        "websocket": URLRouter(websocket_urlpatterns),
    }
)
