"""Edges and web processes apart: each serves one half of the addresses, so that either can be renewed alone."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[Any]]

OF_EACH = ("/healthz", "/metrics")  # what is asked of every process
SOCKETS = ("/live/socket", "/live/stream", "/live/log")


class Role(Enum):
    """Which half a process serves."""

    ALL = "pages and live connections"
    LIVE = "live connections only"
    WEB = "pages only"

    def has(self, path: str) -> bool:
        """Returns whether a process of this role answers at the path."""
        match self:
            case Role.LIVE:
                return path.startswith("/live/") or path in OF_EACH
            case Role.WEB:
                return path not in SOCKETS
        return True


def serving(application: Application, role: Role) -> Application:
    """The application without the other half: 404, or a refused handshake, for what belongs there."""
    if role is Role.ALL:
        return application

    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        if role.has(scope["path"]):
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": f"This process serves {role.value}.\n".encode()})

    return half
