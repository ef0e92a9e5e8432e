"""The state machine of jobs: each job is a row, whose every step is taken under its lock and announced.

Celery keeps what it was told to run, not what pages were told of it; so the state of record is a row of ours.
`enqueue()` writes the row and sends the message on commit. `claim()` decides whether a delivery may run. `move()` is
the only way from one state to the next, and announces the move in its own transaction. It is called by the task's
base class (realtime/jobs/job.py), by the result backend (result_backend.py) or Celery's signals (signals.py) at the
end, and by the sweep (sweep.py) for a job whose worker is gone. docs/tasks.md has the whole story.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from celery import Task as CeleryTask
from celery import current_app
from celery.utils.log import get_task_logger
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from realtime.jobs.events import KINDS, TaskState, newest, task_state, task_states
from realtime.models import Task
from realtime.publish import publish

__all__ = [
    "TaskError",
    "TaskState",
    "advance",
    "cancel",
    "claim",
    "enqueue",
    "is_in_state",
    "lock",
    "move",
    "newest",
    "resend",
    "task_state",
    "task_states",
    "try_again",
    "under_way",
]

State = Task.State
FINAL = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED})
RUNNING = frozenset({State.STARTED, State.PROGRESS})
# from -> to. A job that succeeded or was cancelled stays so; one that failed may be tried again.
# A step back to STARTED is missing on purpose: a RETRY comes first, which is announced.
STEPS: dict[str, frozenset[str]] = {
    State.PENDING: FINAL | RUNNING | {State.RETRY},
    State.STARTED: FINAL | {State.PROGRESS, State.RETRY},
    State.PROGRESS: FINAL | {State.PROGRESS, State.RETRY},
    State.RETRY: FINAL | {State.STARTED},
    State.SUCCESS: frozenset(),
    State.FAILURE: frozenset({State.RETRY}),
    State.REVOKED: frozenset(),
}
MAX_ATTEMPTS = 3  # deliveries: a job that took its worker down three times will do so again
WORKER_STOPPED = "The worker stopped before the job was done."

logger = get_task_logger(__name__)


class TaskError(Exception):
    """A failure whose message is a sentence for people. Of any other exception pages show the name alone."""


def enqueue(task: CeleryTask, *args: Any, about: str = "", by: int | None = None, **kwargs: Any) -> Task:
    """Writes the row of a new job, announced as `task.queued`, and sends it when that is committed.

    `about`: the key of the object that it works on; `by`: the id of the user who asked. Arguments are JSON. While the
    broker is away the row stays queued, and the sweep sends it later.
    """
    with transaction.atomic():
        row = Task.objects.create(name=task.name, args=list(args), kwargs=kwargs, about=about, by=by)
        publish(KINDS[State.PENDING], f"task.{row.pk}")
        resend(row)
    return row


def cancel(*task_ids: str) -> int:
    """Cancels those of the jobs that have not ended; returns how many. One transaction.

    When it is committed, workers are told: they drop the messages of the jobs, and end their runs.
    """
    with transaction.atomic():
        cancelled = [task_id for task_id in sorted(task_ids) if move(task_id, State.REVOKED)]
        if cancelled:
            transaction.on_commit(partial(_revoke, cancelled))
    return len(cancelled)


def try_again(*task_ids: str) -> int:
    """Sends those of the jobs that failed to a worker again; returns how many. Their attempts count anew."""
    with transaction.atomic():
        return sum(_try_failed_again(task_id) for task_id in sorted(task_ids))


def _try_failed_again(task_id: str) -> bool:
    row = lock(task_id)
    if row is None or row.state != State.FAILURE or row.name not in current_app.tasks:
        return False
    row.attempts = 0
    resend(row)
    return advance(row, State.RETRY)


def under_way(task: CeleryTask, about: str) -> bool:
    """Returns whether a job of this task about this object is queued or running."""
    return Task.objects.filter(name=task.name, about=about).exclude(state__in=FINAL).exists()


def resend(row: Task) -> None:
    """Sends the message of a row when the transaction is committed. A broker that is away is logged, not raised."""
    transaction.on_commit(partial(_send, row.name, row.args, row.kwargs, str(row.pk)))


def _send(name: str, args: list[Any], kwargs: dict[str, Any], task_id: str) -> None:
    try:
        current_app.tasks[name].apply_async(args, kwargs, task_id=task_id)
    except OperationalError as error:
        logger.warning("The broker did not take %s %s (%s); the sweep will send it.", name, task_id, error)


def _revoke(task_ids: list[str]) -> None:
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(**current_app.conf.task_publish_retry_policy)  # else a page waits 6 seconds
            current_app.control.revoke(task_ids, terminate=True, connection=connection)
    except (OperationalError, OSError) as error:
        logger.warning(
            "The broker did not take that %s were cancelled (%s); a run ends when it reports.", task_ids, error
        )


def lock(task_id: str) -> Task | None:
    """Returns the row of a Celery task under its lock; None if it has no row, as most periodic tasks."""
    key = _key(task_id)
    return Task.objects.select_for_update().filter(pk=key).first() if key else None


def _key(task_id: str) -> UUID | None:
    """Returns the primary key of a task id; None for an id that is no UUID."""
    try:
        return UUID(task_id)
    except ValueError:
        return None


def claim(task_id: str, *, redelivered: bool = False) -> bool:
    """Moves the row to STARTED if this delivery may run; returns whether it may.

    It may not where the job ended or runs already. A redelivery may run where an earlier run was lost, up to
    MAX_ATTEMPTS runs in all; then the job fails.
    """
    with transaction.atomic():
        row = lock(task_id)
        if row is None:
            return True
        if row.state in (State.PENDING, State.RETRY):
            return advance(row, State.STARTED)
        if not redelivered or not may_step(row, State.RETRY):
            return False
        if row.attempts >= MAX_ATTEMPTS:
            advance(row, State.FAILURE, error=WORKER_STOPPED)
            return False
        return advance(row, State.RETRY) and advance(row, State.STARTED)


def move(task_id: str, state: str, **changes: Any) -> bool:
    """Moves a row by one step, see advance(). False where there is no row."""
    with transaction.atomic():
        row = lock(task_id)
        return row is not None and advance(row, state, **changes)


def is_in_state(task_id: str, state: str) -> bool:
    """Returns whether the row of a Celery task is in the state; True where the task has no row."""
    key = _key(task_id)
    return key is None or not Task.objects.filter(pk=key).exclude(state=state).exists()


def may_step(row: Task, state: str) -> bool:
    """Returns whether STEPS has a step from the row's state to this one."""
    return state in STEPS[row.state]


def advance(
    row: Task,
    state: str,
    *,
    percent: int | None = None,
    step: str | None = None,
    error: str = "",
    result: Any = None,
) -> bool:
    """Takes one step of a locked row and announces it; returns False if it is not allowed, or changes nothing."""
    if not may_step(row, state):
        return False
    before = (row.state, row.percent, row.step)
    _ENTER.get(state, _run)(row)
    row.state = state
    if percent is not None:
        row.percent = max(row.percent, min(percent, 100))
    if step is not None:
        row.step = step
    row.error, row.result = error, result
    row.save()
    if (row.state, row.percent, row.step) == before:
        return False  # the heartbeat alone: no event
    publish(KINDS[State(state)], f"task.{row.pk}")
    return True


def _start(row: Task) -> None:
    row.started = row.heartbeat = timezone.now()
    row.attempts += 1


def _run(row: Task) -> None:
    row.heartbeat = timezone.now()


def _try_again(row: Task) -> None:
    row.heartbeat, row.finished = timezone.now(), None
    row.percent, row.step = 0, ""


def _end(row: Task) -> None:
    row.finished = timezone.now()


def _succeed(row: Task) -> None:
    _end(row)
    row.percent = 100


_ENTER: dict[str, Callable[[Task], None]] = {
    State.STARTED: _start,
    State.RETRY: _try_again,
    State.SUCCESS: _succeed,
    State.FAILURE: _end,
    State.REVOKED: _end,
}
