"""The sweep: ends, or sends again, the jobs that were lost with their message or with their worker.

A message can be lost with Redis, a worker with its machine; no process then moves the row. The age of a row alone
proves nothing: a queue may be long, a job slow. So a queued job is sent again only if no worker knows of it and the
queue is empty; a running one is given up only if no heartbeat has touched its row and no worker says that it runs it.
Each row is read again under its lock before it is moved.
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

LOST_AFTER = timedelta(seconds=60)  # six heartbeats that did not come (realtime/jobs/worker_heartbeat.py)
RESEND_AFTER = timedelta(minutes=2)  # a message takes milliseconds; a worker's restart, half a minute
GIVE_UP_AFTER = timedelta(
    hours=1
)  # after which a job that never started fails: the user who asked reads so, and waits no longer
REPLY_SECONDS = 2.0  # that workers have to say which jobs they know
NEVER_STARTED = "The job never started: no worker took it."
UNKNOWN_JOB = "No worker knows this job any more."


def end_lost_jobs(
    lost_after: timedelta = LOST_AFTER,
    resend_after: timedelta = RESEND_AFTER,
    give_up_after: timedelta = GIVE_UP_AFTER,
    reply_seconds: float = REPLY_SECONDS,
) -> int:
    """Ends or sends again each job that was lost; returns how many. Workers have `reply_seconds` to answer."""
    now = timezone.now()
    lost = list(_untouched(Task.objects.filter(state__in=RUNNING), now - lost_after))
    stuck = list(_untouched(Task.objects.filter(state__in=(State.PENDING, State.RETRY)), now - resend_after))
    if stuck and _queue_is_long():
        stuck = []
    if not lost and not stuck:
        return 0
    known = _known_to_workers([*lost, *stuck], current_app.control.inspect(timeout=reply_seconds))
    gone = [row for row in (*lost, *stuck) if str(row.pk) not in known]
    return sum(_send_again(row, now - give_up_after) if row in stuck else _end_or_retry(row) for row in gone)


def _untouched(rows: "QuerySet[Task]", since: datetime) -> "QuerySet[Task]":
    return rows.annotate(touched=Coalesce("heartbeat", "queued")).filter(touched__lt=since)


def _known_to_workers(rows: list[Task], inspect: Inspect) -> set[str]:
    """Returns the ids of the jobs that a worker runs, has received, or keeps until the time of their retry."""
    held = inspect.query_task([str(row.pk) for row in rows]) or {}
    known = {task_id for tasks in held.values() for task_id in tasks}
    if any(row.state == State.RETRY for row in rows):
        for kept in (inspect.scheduled() or {}).values():
            known.update(entry["request"]["id"] for entry in kept)
    return known


def _queue_is_long() -> bool:
    """Returns whether messages wait for a worker: a job that has not started may be among them."""
    with current_app.connection_for_read() as connection:
        try:
            declared = connection.default_channel.queue_declare(current_app.conf.task_default_queue, passive=True)
        except ChannelError:  # no such queue: nothing waits in it
            return False
        return bool(declared.message_count)


def _end_or_retry(seen: Task) -> bool:
    """Moves a job whose worker is gone to RETRY and sends it, or to FAILURE if it may not run again."""
    with transaction.atomic():
        row = _unchanged(seen)
        if row is None:
            return False
        task: CeleryTask | None = current_app.tasks.get(row.name)
        if task is None or not task.acks_late or row.attempts >= MAX_ATTEMPTS:
            return advance(row, State.FAILURE, error=WORKER_STOPPED)
        resend(row)
        return advance(row, State.RETRY)


def _send_again(seen: Task, give_up_after: datetime) -> bool:
    """Sends a job again whose message was lost before a worker took it, or fails it if that has lasted too long."""
    with transaction.atomic():
        row = _unchanged(seen)
        if row is None:
            return False
        if row.name not in current_app.tasks:
            return advance(row, State.FAILURE, error=UNKNOWN_JOB)
        if row.state == State.PENDING and row.queued < give_up_after:  # a retry may be of a job from last week
            return advance(row, State.FAILURE, error=NEVER_STARTED)
        row.heartbeat = timezone.now()  # so that it is sent again after RESEND_AFTER at the earliest
        row.save(update_fields=["heartbeat"])
        resend(row)
        return True


def _unchanged(seen: Task) -> Task | None:
    """Returns the row under its lock; None if it was moved or touched since it was read."""
    row = lock(str(seen.pk))
    if row is None or (row.state, row.heartbeat) != (seen.state, seen.heartbeat):
        return None
    return row
