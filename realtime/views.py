"""The views that machines ask: /healthz, whether everything answers, and /live/ticket, for a new ticket."""

import redis
from django.conf import settings
from django.db import DatabaseError, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from redis.backoff import NoBackoff
from redis.retry import Retry

from realtime import log, tickets
from realtime.errors import LogAway

REDIS_TIMEOUT = 1.0  # seconds for Redis to answer: a health check that waits longer is an outage itself


def _database() -> str | None:
    try:
        log.position()
    except (DatabaseError, LogAway):
        return "The database does not answer, or is not migrated."
    return None


def _redis() -> str | None:
    if settings.REDIS_URL == settings.NO_REDIS:
        return "No Redis is given (REDIS_URL, or a BROKER_URL that is one): no worker can be seen."
    client = redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        # a worker renews its key every 2 s, for 8 s
        worker = next(iter(client.scan_iter("stop-press:worker:*", count=1000)), None)
    except redis.RedisError:
        return "Redis does not answer."
    finally:
        client.close()
    return None if worker else "No worker has been heard of for 8 seconds."


@require_GET
@never_cache
@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:
    """Answers 200 when the database, Redis and a worker answer, else 503 with a sentence for each that does not."""
    troubles = [trouble for trouble in (_database(), _redis()) if trouble]
    return JsonResponse({"ok": not troubles, "troubles": troubles}, status=503 if troubles else 200)


@require_GET
@never_cache
def ticket(request: HttpRequest) -> JsonResponse:
    """Answers with a new ticket for the signed-in user and its end, or with null for an anonymous reader."""
    issued = tickets.issue(request)
    expires = tickets.read(issued).expires if issued else None
    return JsonResponse({"ticket": issued, "expires": expires.isoformat().replace("+00:00", "Z") if expires else None})
