"""Where the rooms meet: pages go to Django, sockets to the edge."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
pages = get_asgi_application()  # before the import below: it fills the registries of the apps

from consumers.routing import websocket_urlpatterns  # noqa: E402

application = ProtocolTypeRouter({"http": pages, "websocket": URLRouter(websocket_urlpatterns)})
