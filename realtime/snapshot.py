"""Every answer says where in the log it stands, so that following from there leaves no gap."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from realtime import log, tickets
from realtime.errors import LogAway
from realtime.position import Position


def _position() -> Position | None:
    """The newest position; None while the database is away (the view will say so better)."""
    try:
        return log.position()
    except (DatabaseError, LogAway):
        return None


def _prepare(request: HttpRequest, position: Position | None) -> None:
    request.live_position = position  # type: ignore[attr-defined]
    request.live_ticket = SimpleLazyObject(lambda: tickets.issue(request) or "")  # type: ignore[attr-defined]


def _stamp(response: HttpResponse, position: Position | None) -> HttpResponse:
    # a view that read its own position, or a cached page, keeps the one that goes with its data
    if position is not None and "Live-Position" not in response:
        response["Live-Position"] = str(position)
    return response


@sync_and_async_middleware
def SnapshotMiddleware(
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]],
) -> Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]:
    """Reads the position before the view reads anything, and sets `Live-Position` on the answer."""
    if iscoroutinefunction(get_response):

        async def stamped_async(request: HttpRequest) -> HttpResponse:
            position = await sync_to_async(_position)()
            _prepare(request, position)
            return _stamp(await get_response(request), position)

        return stamped_async

    def stamped(request: HttpRequest) -> HttpResponse:
        position = _position()
        _prepare(request, position)
        return _stamp(get_response(request), position)  # type: ignore[arg-type]

    return stamped
