"""Jobs: a row first, with its event; then the message to a worker; then the row again at each step.

Celery knows what it was told to do, not what people were told of it. So a job's truth is a row of
ours. `enqueue()` writes it and sends on commit; `claim()` decides, under its lock, whether a
delivery may run; `move()` is the only way from one state to the next, and each move is announced in
its own transaction. The result backend (realtime/jobs/result_backend.py) moves it with every state it stores,
the sweep (realtime/jobs/sweep.py) where no worker is left to do so. docs/tasks.md has the whole story.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from celery import Task as CeleryTask
from celery import current_app, current_task
from celery.exceptions import Ignore
from celery.utils.log import get_task_logger
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from realtime.errors import ProgressInTransaction
from realtime.jobs.events import KINDS, TaskState, newest, task_state, task_states
from realtime.models import Task
from realtime.publish import in_transaction, publish

__all__ = [
    "Job",
    "TaskError",
    "TaskState",
    "advance",
    "claim",
    "enqueue",
    "lock",
    "move",
    "newest",
    "progress",
    "resend",
    "task_state",
    "task_states",
    "under_way",
]

State = Task.State
FINAL = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED})
RUNNING = frozenset({State.STARTED, State.PROGRESS})
# from -> to. A job that succeeded or was cancelled stays so; one that failed may be tried again.
# A step back to STARTED is missing on purpose: it takes a RETRY first, which readers are told of.
STEPS: dict[str, frozenset[str]] = {
    State.PENDING: FINAL | RUNNING | {State.RETRY},
    State.STARTED: FINAL | {State.PROGRESS, State.RETRY},
    State.PROGRESS: FINAL | {State.PROGRESS, State.RETRY},
    State.RETRY: FINAL | {State.STARTED},
    State.SUCCESS: frozenset(),
    State.FAILURE: frozenset({State.RETRY}),
    State.REVOKED: frozenset(),
}
MAX_ATTEMPTS = 3  # deliveries; what took the worker down three times will do so again
WORKER_STOPPED = "The worker stopped before the job was done."

logger = get_task_logger(__name__)


class TaskError(Exception):
    """A failure that says why in a sentence for a person. What else a task raises stays in the log."""


class Job(CeleryTask):  # type: ignore[misc]  # Celery has no types
    """A task whose truth is a row: `@shared_task(base=Job)`, started by enqueue().

    It may be delivered twice, after its worker died or Redis lost track, and runs once at a time:
    so it must not matter whether an earlier run got halfway.
    """

    acks_late = True
    reject_on_worker_lost = True
    throws = (TaskError,)  # said to people; to the log it is no error
    track_started = False  # before_start() does, when it knows that this delivery is to run

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
        with transaction.atomic():
            ours = claim(task_id, redelivered=redelivered)
            if ours:
                self.update_state(state=State.STARTED, meta={"hostname": self.request.hostname})
        if not ours:  # outside: what the claim may have said of the job stays said
            raise Ignore("Another delivery of this job did it, or is doing it.")

    def retry(self, *args: Any, max_retries: int | None = None, **kwargs: Any) -> Any:
        """As Celery's; the row says so before the message is sent, or a quick second run would be told first."""
        most = self.max_retries if max_retries is None else max_retries
        if not self.request.called_directly and (most is None or self.request.retries < most):
            move(self.request.id, State.RETRY)
        return super().retry(*args, max_retries=max_retries, **kwargs)


def enqueue(task: CeleryTask, *args: Any, about: str = "", by: int | None = None, **kwargs: Any) -> Task:
    """Writes the row of a new job, announced as `task.queued`, and sends it when that is committed.

    `about`: the key of what it works on; `by`: the user who asked. Arguments are JSON. A broker that
    is away fails nobody: the row stays queued, and the sweep sends it.
    """
    with transaction.atomic():
        row = Task.objects.create(name=task.name, args=list(args), kwargs=kwargs, about=about, by=by)
        publish(KINDS[State.PENDING], f"task.{row.pk}")
        resend(row)
    return row


def under_way(task: CeleryTask, about: str) -> bool:
    """Whether such a job is queued or running already."""
    return Task.objects.filter(name=task.name, about=about).exclude(state__in=FINAL).exists()


def resend(row: Task) -> None:
    """Sends the message of a row, once what was said of it is committed. Raises nothing for a broker that is away."""
    transaction.on_commit(partial(_send, row.name, row.args, row.kwargs, str(row.pk)))


def _send(name: str, args: list[Any], kwargs: dict[str, Any], task_id: str) -> None:
    try:
        current_app.tasks[name].apply_async(args, kwargs, task_id=task_id)
    except OperationalError as error:
        logger.warning("The broker did not take %s %s (%s); the sweep will send it.", name, task_id, error)


def lock(task_id: str) -> Task | None:
    """The row of a Celery task under its lock, None where it has none: most periodic tasks."""
    key = _key(task_id)
    return Task.objects.select_for_update().filter(pk=key).first() if key else None


def _key(task_id: str) -> UUID | None:
    """The row's key, None where somebody gave a Celery task another sort of id."""
    try:
        return UUID(task_id)
    except ValueError:
        return None


def claim(task_id: str, *, redelivered: bool = False) -> bool:
    """Whether a delivery may run; the row is then STARTED. False where it is done, or another is at it."""
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
    """Moves a row, if it may. See advance()."""
    with transaction.atomic():
        row = lock(task_id)
        return row is not None and advance(row, state, **changes)


def may_step(row: Task, state: str) -> bool:
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
    """One step of a locked row, announced. False, and nothing said, where it may not be or changes nothing."""
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
        return False  # a sign of life, no news
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


def progress(percent: int, step: str) -> None:
    """Tells how far the running task is, at once. Outside a task, it does nothing.

    Raises ProgressInTransaction: inside one nobody would see it before the end, or ever. Raises
    Ignore, which ends the run, where the job is no longer this run's: it was cancelled, or given up.
    """
    if not current_task or current_task.request.called_directly:
        return
    if in_transaction():
        raise ProgressInTransaction
    current_task.update_state(state=State.PROGRESS, meta={"percent": percent, "step": step})
    key = _key(current_task.request.id)
    if key and Task.objects.filter(pk=key).exclude(state=State.PROGRESS).exists():
        raise Ignore("The job is no longer this run's.")
