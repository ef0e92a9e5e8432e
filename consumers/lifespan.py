"""ASGI's lifespan: what a process starts and ends with, for servers that tell (uvicorn; Daphne does not).

`manage.py edge` does the same by itself. Where a server says nothing, the first reader starts the hub, and what
this process counted in Redis is forgotten 20 seconds after its end.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from consumers.access.connection_quota import quota
from consumers.delivery.hub import hub
from consumers.presence.tracker import tracker

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def lifespan(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Starts to read the log with the server, without waiting for the database; stops with it."""
    message = await receive()
    while message["type"] != "lifespan.shutdown":
        hub.start()
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
    await tracker.stop()
    await quota.stop()
    hub.stop()
    await send({"type": "lifespan.shutdown.complete"})
