"""Throttle: pages that clients ask for again and again are limited by address, as the stream and the log are."""

from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from consumers.access import addresses
from consumers.access.rate_limits import address_buckets
from consumers.http import JSON_TYPE, RESPONSE_HEADERS, too_fast
from consumers.metrics import counters

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[Any]]


def throttled(application: Application) -> Application:
    """Returns the application behind the limit of LIVE_MAX_REQUESTS a second for each address, beyond it 429."""

    async def limited(scope: Scope, receive: Receive, send: Send) -> None:
        if address_buckets.allows(addresses.subject(addresses.client(scope)), settings.LIVE_MAX_REQUESTS):
            await application(scope, receive, send)
        else:
            await _refuse(send)

    return limited


async def _refuse(send: Send) -> None:
    refusal = too_fast()
    counters.turned_away[refusal.code] += 1
    body = refusal.body
    fields = {**RESPONSE_HEADERS, **refusal.headers, "Content-Type": JSON_TYPE, "Content-Length": str(len(body))}
    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
