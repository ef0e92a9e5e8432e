"""Django's cache, in the Redis that also rings the bell and carries Celery.

No page needs it: while Redis is away, code that uses the cache gets an error, and pages are served as ever. It is
there for Celery's `django-cache` result backend, whose results one process writes and another reads.
"""

from typing import Any

from django.core.cache.backends import redis as django_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_TIMEOUT = 1.0  # seconds to connect, and to answer
CLEAR_BATCH = 1000  # keys deleted in one round trip

_TIMEOUTS = {
    "socket_timeout": REDIS_TIMEOUT,
    "socket_connect_timeout": REDIS_TIMEOUT,
    "retry": Retry(NoBackoff(), 0),
}


class SharedRedisCache(django_redis.RedisCache):
    """Django's RedisCache in a Redis that holds other things too: clear() removes the cache's own keys only."""

    def __init__(self, servers: list[str], params: dict[str, Any]) -> None:
        super().__init__(servers, {**params, "OPTIONS": {**_TIMEOUTS, **params.get("OPTIONS", {})}})

    def clear(self) -> None:
        """Removes all keys of the cache. Django's own would empty the database, and the queue of jobs with it."""
        client = self._cache.get_client(write=True)
        keys = list(client.scan_iter(match=f"{self.key_prefix}:*", count=CLEAR_BATCH))
        for first in range(0, len(keys), CLEAR_BATCH):
            client.unlink(*keys[first : first + CLEAR_BATCH])
