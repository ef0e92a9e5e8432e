"""Where sockets arrive."""

from django.urls import path

from consumers.websocket import LiveConsumer

websocket_urlpatterns = [path("live/socket", LiveConsumer.as_asgi())]
