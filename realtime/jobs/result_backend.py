"""The result backend: stores Celery's result and moves the job's row in one transaction.

django-celery-results saves without a transaction; it reads, changes and saves without a lock, so a late STARTED can
overwrite REVOKED. This backend locks the job's row (realtime.models.Task) first, and stores no state that the state
machine refuses.
"""

from typing import Any

from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from django.db import transaction
from django_celery_results.backends import DatabaseBackend

from realtime.jobs.state_machine import WORKER_STOPPED, State, TaskError, advance, lock, may_step


class AnnouncedBackend(DatabaseBackend):  # type: ignore[misc]  # it has no types
    """DatabaseBackend, moving the task's row and announcing it in the transaction that stores a state."""

    def store_result(
        self, task_id: str, result: Any, state: str, traceback: str | None = None, request: Any = None, **kwargs: Any
    ) -> Any:
        """Stores a state and moves the row with it, in one transaction. Stores nothing that the row refuses."""
        with transaction.atomic():
            if not follow(task_id, state, result):
                return result  # too late: another run has the job, or it ended
            return super().store_result(task_id, result, state, traceback, request=request, **kwargs)


def follow(task_id: str, state: str, result: Any) -> bool:
    """Moves a task's row to the state that Celery stores, if it may go there.

    Returns whether the row is in that state now, or there is no row: False tells of a state that comes too late.
    """
    with transaction.atomic():
        row = lock(task_id)
        if row is None:
            return True
        # Celery stores RETRY after it sent the message, when the next run may have begun: Job.retry() was first
        if state != State.RETRY and may_step(row, state):
            advance(row, state, **_shown(state, result))
        return bool(row.state == state)


def _shown(state: str, result: Any) -> dict[str, Any]:
    """The fields of the row that a stored result changes."""
    if state == State.PROGRESS and isinstance(result, dict):
        return {name: result[name] for name in ("percent", "step") if name in result}
    if state == State.SUCCESS:
        return {"result": result}
    if state == State.FAILURE:
        return {"error": sentence(result)}
    return {}


def sentence(error: BaseException) -> str:
    """Returns the sentence that pages show of a failure: a TaskError's own, or one of ours; never a traceback."""
    match error:
        case TaskError():
            return str(error)
        case WorkerLostError():
            return WORKER_STOPPED
        case TimeLimitExceeded() | SoftTimeLimitExceeded():
            return "The job took longer than it may."
        case _:
            return f"Something went wrong that nobody foresaw ({type(error).__name__})."
