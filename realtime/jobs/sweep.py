"""The sweep: ends, or begins again, what no worker is left to end.

A message can be lost with Redis, a worker with its machine; then nobody moves the row. Age alone
tells nothing: a queue may be long, a job slow. So a queued job is sent again only when no worker
knows of it and nothing waits in the queue; a running one is given up only when its row has had no
sign of life and no worker says that it is at it. Each row is looked at again under its lock.
"""

from datetime import datetime, timedelta

from amqp.exceptions import ChannelError
from celery import Task as CeleryTask
from celery import current_app
from celery.app.control import Inspect
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from realtime.jobs.state_machine import MAX_ATTEMPTS, RUNNING, WORKER_STOPPED, State, advance, lock, resend
from realtime.models import Task

SILENT = timedelta(seconds=60)  # six signs of life that did not come (realtime/jobs/worker_heartbeat.py)
WAITING = timedelta(minutes=2)  # a message takes milliseconds; a worker's restart, half a minute
TOO_LONG = timedelta(hours=1)  # of sending again: who asked is better told than left waiting
ANSWER = 2.0  # seconds that workers have to say what they are at
NEVER_STARTED = "The job never started: no worker took it."
UNKNOWN = "No worker knows this job any more."


def end_lost_jobs(
    silent: timedelta = SILENT, waiting: timedelta = WAITING, too_long: timedelta = TOO_LONG, answer: float = ANSWER
) -> int:
    """Ends or sends again each job that was lost. Returns how many. `answer`: seconds given to the workers."""
    now = timezone.now()
    lost = list(_untouched(Task.objects.filter(state__in=RUNNING), now - silent))
    stuck = list(_untouched(Task.objects.filter(state__in=(State.PENDING, State.RETRY)), now - waiting))
    if stuck and _queue_is_long():
        stuck = []
    if not lost and not stuck:
        return 0
    known = _known_to_workers([*lost, *stuck], current_app.control.inspect(timeout=answer))
    gone = [row for row in (*lost, *stuck) if str(row.pk) not in known]
    return sum(_send_again(row, now - too_long) if row in stuck else _give_up(row) for row in gone)


def _untouched(rows: "QuerySet[Task]", since: datetime) -> "QuerySet[Task]":
    return rows.annotate(touched=Coalesce("heartbeat", "queued")).filter(touched__lt=since)


def _known_to_workers(rows: list[Task], inspect: Inspect) -> set[str]:
    """Which of these the workers that answer run, hold, or keep until it is time to try again."""
    held = inspect.query_task([str(row.pk) for row in rows]) or {}
    known = {task_id for tasks in held.values() for task_id in tasks}
    if any(row.state == State.RETRY for row in rows):
        for kept in (inspect.scheduled() or {}).values():
            known.update(entry["request"]["id"] for entry in kept)
    return known


def _queue_is_long() -> bool:
    """Whether messages wait for a worker: then a job that has not started may well be among them."""
    with current_app.connection_for_read() as connection:
        try:
            declared = connection.default_channel.queue_declare(current_app.conf.task_default_queue, passive=True)
        except ChannelError:  # no such queue: nothing waits in it
            return False
        return bool(declared.message_count)


def _give_up(seen: Task) -> bool:
    """A run that ended with its worker: again, if it may be run again, else failed."""
    with transaction.atomic():
        row = _unchanged(seen)
        if row is None:
            return False
        task: CeleryTask | None = current_app.tasks.get(row.name)
        if task is None or not task.acks_late or row.attempts >= MAX_ATTEMPTS:
            return advance(row, State.FAILURE, error=WORKER_STOPPED)
        resend(row)
        return advance(row, State.RETRY)


def _send_again(seen: Task, too_long: datetime) -> bool:
    """A message that was lost before any worker took it."""
    with transaction.atomic():
        row = _unchanged(seen)
        if row is None:
            return False
        if row.name not in current_app.tasks:
            return advance(row, State.FAILURE, error=UNKNOWN)
        if row.state == State.PENDING and row.queued < too_long:  # a retry may be of a job from last week
            return advance(row, State.FAILURE, error=NEVER_STARTED)
        row.heartbeat = timezone.now()  # not again before it has had its time
        row.save(update_fields=["heartbeat"])
        resend(row)
        return True


def _unchanged(seen: Task) -> Task | None:
    """The row under its lock, unless somebody moved or touched it since it was seen."""
    row = lock(str(seen.pk))
    if row is None or (row.state, row.heartbeat) != (seen.state, seen.heartbeat):
        return None
    return row
