"""The worker's heartbeat: a key in Redis for the health check, and a time on the rows of the jobs that it runs.

It is a step of Celery's worker, on the timer of the main process: it beats for as long as that process lives. The
sweep (realtime/jobs/sweep.py) gives up a job whose row has not been touched for LOST_AFTER.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import redis
from celery import bootsteps
from celery.utils.log import get_logger
from celery.worker.state import active_requests
from django import db
from django.conf import settings
from django.db.models.functions import Now
from redis.backoff import NoBackoff
from redis.retry import Retry

from realtime.jobs.state_machine import RUNNING
from realtime.models import Task

KEY_INTERVAL = 2  # seconds between two renewals of the key
KEY_EXPIRES = 8  # seconds that the key lasts: three renewals may be late
ROWS_INTERVAL = 10  # seconds between two touches of the rows; the sweep waits for six of them
REDIS_TIMEOUT = 1  # seconds for Redis: the loop that waits here also hands out the jobs
KEY_PREFIX = "stop-press:worker:"
NO_REDIS = "No Redis is given (REDIS_URL, or a BROKER_URL that is one): /healthz cannot see this worker."

logger = get_logger(__name__)


class WorkerHeartbeat(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Renews `stop-press:worker:<hostname>` in Redis, and touches the rows of running jobs."""

    requires: ClassVar[set[str]] = {"celery.worker.components:Timer"}

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._timers: list[Any] = []
        self._beats = True  # the last beat got through

    def start(self, worker: Any) -> None:
        """Starts beating. Without a Redis only the rows are touched: they are in the database."""
        self._key = f"{KEY_PREFIX}{worker.hostname}"
        self._redis = redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._timers = [worker.timer.call_repeatedly(ROWS_INTERVAL, self.touch_rows)]
        if settings.REDIS_URL == settings.NO_REDIS:
            logger.warning(NO_REDIS)
        else:
            self._timers.append(worker.timer.call_repeatedly(KEY_INTERVAL, self.renew_key))

    def stop(self, worker: Any) -> None:
        """Stops beating and removes the key: a worker that ends is not missed for KEY_EXPIRES first."""
        for timer in self._timers:
            timer.cancel()
        with suppress(redis.RedisError):  # the key expires by itself
            self._redis.delete(self._key)
        self._redis.close()

    def renew_key(self) -> None:
        """Says for KEY_EXPIRES seconds that this worker is there."""
        self._try(lambda: self._redis.set(self._key, "1", ex=KEY_EXPIRES))

    def touch_rows(self) -> None:
        """Writes the time on the rows of the jobs that this worker runs."""
        running = [request.id for request in active_requests]
        rows = Task.objects.filter(pk__in=running, state__in=RUNNING)
        if running:
            self._try(lambda: rows.update(heartbeat=Now()))

    def _try(self, beat: Callable[[], object]) -> None:
        """Makes one beat. A beat that fails is skipped; the first of a row of failures is logged."""
        try:
            beat()
            self._beats = True
        except (redis.RedisError, db.Error) as error:
            if isinstance(error, db.Error):  # cut, it would stay so: outside a task Celery does not look after it
                db.connection.close()
            if self._beats:
                logger.warning("The worker cannot show that it is alive (%s).", error)
            self._beats = False
