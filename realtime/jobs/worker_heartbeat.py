"""The worker's signs of life: for the health check, and for the rows of the jobs that it runs.

A step of Celery's worker, on the timer of its main process: it beats as long as that process does,
and stops with it, which is what the sweep goes by.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import redis
from celery import bootsteps
from celery.utils.log import get_logger
from celery.worker.state import active_requests
from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now
from redis.backoff import NoBackoff
from redis.retry import Retry

from realtime.jobs.state_machine import RUNNING
from realtime.models import Task

EVERY = 2  # seconds between signs for the health check
EXPIRES = 8  # seconds that one lasts: three may be late
ROWS_EVERY = 10  # seconds between signs on rows; the sweep waits for six of them
REDIS_TIMEOUT = 1  # seconds for Redis: the loop that waits here also hands out the jobs
PREFIX = "stop-press:worker:"

logger = get_logger(__name__)


class Heartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Keeps `stop-press:worker:<hostname>` in Redis, and touches the rows of running jobs."""

    requires: ClassVar[set[str]] = {"celery.worker.components:Timer"}

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timers: list[Any] = []
        self._well = True

    def start(self, worker: Any) -> None:
        self._key = f"{PREFIX}{worker.hostname}"
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        beats = ((EVERY, self.say_well), (ROWS_EVERY, self.touch_rows))
        self._timers = [worker.timer.call_repeatedly(seconds, beat) for seconds, beat in beats]

    def stop(self, worker: Any) -> None:
        for timer in self._timers:
            timer.cancel()
        with suppress(redis.RedisError):  # it expires by itself
            self._redis.delete(self._key)
        self._redis.close()

    def say_well(self) -> None:
        self._try(lambda: self._redis.set(self._key, "1", ex=EXPIRES))

    def touch_rows(self) -> None:
        running = [request.id for request in active_requests]
        rows = Task.objects.filter(pk__in=running, state__in=RUNNING)
        if running:
            self._try(lambda: rows.update(heartbeat=Now()))

    def _try(self, beat: Callable[[], object]) -> None:
        """A beat that fails is a beat missed: those who listen draw the conclusion."""
        try:
            beat()
            self._well = True
        except (redis.RedisError, DatabaseError) as error:
            if self._well:
                logger.warning("The worker cannot show that it is alive (%s).", error)
            self._well = False
