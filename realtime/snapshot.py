"""The middleware by which every answer says where in the log it stands, so that following from there leaves no gap."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from django.utils.functional import SimpleLazyObject

from realtime import log, tickets
from realtime.errors import LogAway
from realtime.position import Position


def _prepare(request: HttpRequest) -> Position | None:
    """Reads the newest position, and the version of the reader's access; both before anything else is read.

    Returns None while the database is away; the view reports that.
    """
    position, version = None, None
    try:
        # a request without the cookie has no session to ask for, and its answer does not vary by it
        user = request.session.get(SESSION_KEY) if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        if user is None:
            position = log.position()
        else:
            position, version = log.position_and_version(f"user.{user}")
    except (DatabaseError, LogAway):
        pass
    request.live_position = position  # type: ignore[attr-defined]
    request.live_ticket = SimpleLazyObject(lambda: tickets.issue(request, version) or "")  # type: ignore[attr-defined]
    return position


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
            position = await sync_to_async(_prepare)(request)
            return _stamp(await get_response(request), position)

        return stamped_async

    def stamped(request: HttpRequest) -> HttpResponse:
        position = _prepare(request)
        return _stamp(get_response(request), position)  # type: ignore[arg-type]

    return stamped
