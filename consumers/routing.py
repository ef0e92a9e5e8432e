"""Routing: the paths of sockets, of the live log, and of the metrics."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.urls import path, re_path

from consumers.metrics_view import metrics
from consumers.poll import LivePoll
from consumers.sse import LiveStream
from consumers.websocket import LiveConsumer


async def nowhere(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Refuses the handshake with 403. Without this, an unknown path would be an exception in the server's log."""
    await send({"type": "websocket.close"})


http_urlpatterns = [
    path("live/stream", LiveStream.as_asgi()),
    path("live/log", LivePoll.as_asgi()),
    path("metrics", metrics),  # type: ignore[arg-type]
]
websocket_urlpatterns = [path("live/socket", LiveConsumer.as_asgi()), re_path("", nowhere)]  # type: ignore[arg-type]
