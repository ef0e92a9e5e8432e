"""Authentication: who sent a request, by the ticket in its header, else by the session of its cookie."""

from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, parse_cookie
from django.utils.module_loading import import_string

from realtime import tickets
from realtime.tickets import ANONYMOUS, Reader


def by_ticket(headers: dict[bytes, bytes]) -> Reader | None:
    """Returns the reader of the ticket in `Authorization: Bearer`; None without one. Raises BadTicket."""
    scheme, _, ticket = headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
    return tickets.read(ticket.strip()) if scheme.lower() == "bearer" else None


async def by_session(headers: dict[bytes, bytes]) -> Reader:
    """Returns the reader whose session the cookie names. Where there is such a cookie it queries, on a thread."""
    cookies: dict[str, Any] = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return ANONYMOUS
    return await database_sync_to_async(_of_session, thread_sensitive=False)(key)  # type: ignore[no-any-return]


def _of_session(key: str) -> Reader:
    request = HttpRequest()
    store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = store(key)
    request.user = auth.get_user(request)
    ticket = tickets.issue(request)
    return tickets.read(ticket) if ticket else ANONYMOUS
