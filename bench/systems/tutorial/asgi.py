"""The tutorial's ASGI application: the routes behind the checks of origin, session and user."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.systems.tutorial.settings")

from django.core.asgi import get_asgi_application

http = get_asgi_application()  # loads the apps, which the imports below need

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import re_path  # noqa: E402

from bench.systems.tutorial.consumers import ChatConsumer  # noqa: E402

routes = [re_path(r"ws/chat/(?P<room_name>\w+)/$", ChatConsumer.as_asgi())]
application = ProtocolTypeRouter(
    {"http": http, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(URLRouter(routes)))}
)
