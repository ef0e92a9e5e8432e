"""Retention: how many events, jobs and results are kept, and how older ones are deleted.

The log keeps LOG_DAYS days and at most LOG_ROWS rows. A reader who comes back from before that receives a `reset`
with the reason `trimmed`, and reads a fresh page. Finished jobs and Celery's results are deleted after TASK_DAYS.
The schedule trims every hour; `manage.py trim` does it at once.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django_celery_results.models import TaskResult

from realtime.jobs.state_machine import FINAL
from realtime.models import Key, Task

MAX_BATCH_ROWS = 10_000  # rows of one transaction: about 10 ms, for which a hub that polls the log waits


class Trimmed(NamedTuple):
    """The numbers of rows that were deleted."""

    events: int
    jobs: int
    results: int


def trim(days: int | None = None, rows: int | None = None, task_days: int | None = None) -> Trimmed:
    """Trims the log, jobs and results to the limits given, by default those of the settings. In autocommit only."""
    now = timezone.now()
    since = now - timedelta(days=settings.LOG_DAYS if days is None else days)
    events = trim_log(since, settings.LOG_ROWS if rows is None else rows)
    ended = now - timedelta(days=settings.TASK_DAYS if task_days is None else task_days)
    jobs = trim_jobs(ended)
    results, _ = TaskResult.objects.filter(date_done__lt=ended).delete()  # despite its name, the time of the last save
    return Trimmed(events, jobs, results)


def trim_log(since: datetime, rows: int) -> int:
    """Deletes events from before `since`, and the oldest beyond `rows`; returns how many.

    Each batch raises `trimmed` before it deletes, under the lock that sequencing takes too: a reader of the log
    that reads rows, and `trimmed` after them, knows whether rows were missing.
    """
    gone, last = 0, _first_to_keep(since, rows) - 1
    while batch := _batch(last):
        gone += batch
    with connection.cursor() as cursor:
        cursor.execute("VACUUM realtime_pending")  # every poll reads all of its pages
    return gone


def trim_jobs(ended: datetime) -> int:
    """Deletes jobs that ended before this time, with the log's row of each key; returns how many.

    A key's row keeps versions from falling back where an object comes back; a job never does.
    """
    old = [str(pk) for pk in Task.objects.filter(state__in=FINAL, finished__lt=ended).values_list("pk", flat=True)]
    for first in range(0, len(old), MAX_BATCH_ROWS):
        batch = old[first : first + MAX_BATCH_ROWS]
        with transaction.atomic():
            Task.objects.filter(pk__in=batch).delete()
            Key.objects.filter(key__in=[f"task.{pk}" for pk in batch]).delete()
    return len(old)


def _first_to_keep(since: datetime, rows: int) -> int:
    """Returns the smallest offset to keep. Reads the rows that are to be deleted, and one more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT head, trimmed FROM realtime_log WHERE id = 1")
        head, trimmed = cursor.fetchone()
        cursor.execute(
            'SELECT "offset" FROM realtime_event WHERE "offset" > %s AND time >= %s ORDER BY "offset" LIMIT 1',
            [trimmed, since],
        )
        young = cursor.fetchone()
    return int(max(head - rows + 1, young[0] if young else head + 1))


def _batch(last: int) -> int:
    """Deletes one batch of the events up to `last`; returns how many, 0 when none is left."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT trimmed FROM realtime_log WHERE id = 1 FOR UPDATE")
        (trimmed,) = cursor.fetchone()
        last = min(last, trimmed + MAX_BATCH_ROWS)
        if last <= trimmed:
            return 0
        cursor.execute("UPDATE realtime_log SET trimmed = %s WHERE id = 1", [last])
        cursor.execute('DELETE FROM realtime_event WHERE "offset" <= %s', [last])
        return last - int(trimmed)
