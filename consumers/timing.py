"""Timing: how long pages take to be made."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from consumers.metrics import page_seconds

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[Any]]


def timed(application: Application) -> Application:
    """Returns the application, with the time from each request to the begin of its answer counted."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()

        async def send_counted(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                page_seconds.observe(perf_counter() - began)
            await send(message)

        await application(scope, receive, send_counted)

    return counted
