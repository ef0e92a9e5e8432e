"""Retention: how much of the past is kept, and how the rest goes.

The log keeps LOG_DAYS days and at most LOG_ROWS rows. Whoever comes back from before that is told so
(`reset`, reason `trimmed`) and reads a fresh page. Finished jobs and Celery's results go after
TASK_DAYS. The schedule trims every hour; `manage.py trim` does it now.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django_celery_results.models import TaskResult

from realtime.jobs.state_machine import FINAL
from realtime.models import Key, Task

BATCH = 10_000  # rows of one transaction: some 10 ms, for which whoever looks at the log waits


class Trimmed(NamedTuple):
    """How many rows went."""

    events: int
    jobs: int
    results: int


def trim(days: int | None = None, rows: int | None = None, task_days: int | None = None) -> Trimmed:
    """Trims what is older or more than the settings say, or than is said here. In autocommit only."""
    now = timezone.now()
    since = now - timedelta(days=settings.LOG_DAYS if days is None else days)
    events = trim_log(since, settings.LOG_ROWS if rows is None else rows)
    ended = now - timedelta(days=settings.TASK_DAYS if task_days is None else task_days)
    jobs = trim_jobs(ended)
    results, _ = TaskResult.objects.filter(date_done__lt=ended).delete()  # despite its name: when it was last saved
    return Trimmed(events, jobs, results)


def trim_log(since: datetime, rows: int) -> int:
    """Trims events from before `since`, and the oldest where there are more than `rows`. Returns how many went.

    Each batch raises `trimmed` before it deletes, under the lock that sequencing takes too: whoever
    reads rows and then `trimmed` knows whether some were missing.
    """
    gone, last = 0, _first_to_keep(since, rows) - 1
    while batch := _batch(last):
        gone += batch
    with connection.cursor() as cursor:
        cursor.execute("VACUUM realtime_pending")  # every look reads all of its pages
    return gone


def trim_jobs(ended: datetime) -> int:
    """Removes jobs that ended before this, with what the log knows of their keys: these never come back."""
    old = [str(pk) for pk in Task.objects.filter(state__in=FINAL, finished__lt=ended).values_list("pk", flat=True)]
    for first in range(0, len(old), BATCH):
        batch = old[first : first + BATCH]
        with transaction.atomic():
            Task.objects.filter(pk__in=batch).delete()
            Key.objects.filter(key__in=[f"task.{pk}" for pk in batch]).delete()
    return len(old)


def _first_to_keep(since: datetime, rows: int) -> int:
    """The smallest offset that stays. Reads only rows that go, and one more."""
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
    """Trims one batch of what goes up to `last`. Returns how many rows went; 0 when nothing is left to do."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT trimmed FROM realtime_log WHERE id = 1 FOR UPDATE")
        (trimmed,) = cursor.fetchone()
        last = min(last, trimmed + BATCH)
        if last <= trimmed:
            return 0
        cursor.execute("UPDATE realtime_log SET trimmed = %s WHERE id = 1", [last])
        cursor.execute('DELETE FROM realtime_event WHERE "offset" <= %s', [last])
        return last - int(trimmed)
