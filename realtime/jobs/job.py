"""Job: the base class of tasks whose truth is a row, and progress(), by which a running one reports.

A row follows its task whatever keeps Celery's results. The start and progress are moved here, the end by the
result backend, where it is ours (realtime/jobs/result_backend.py), else by Celery's signals (realtime/jobs/signals.py).
"""

from typing import Any

from celery import Task as CeleryTask
from celery import current_task
from celery.exceptions import Ignore
from django.db import transaction

from realtime.errors import ProgressInTransaction
from realtime.jobs.result_backend import AnnouncedBackend, follow
from realtime.jobs.state_machine import State, TaskError, claim, is_in_state, move
from realtime.publish import in_transaction


class Job(CeleryTask):  # type: ignore[misc]  # Celery has no types
    """A task whose truth is a row: `@shared_task(base=Job)`, started by enqueue().

    A job may be delivered twice, after its worker died or Redis lost track, and runs once at a time:
    its body has to cope with an earlier run that got halfway.
    """

    acks_late = True
    reject_on_worker_lost = True
    throws = (TaskError,)  # people read its sentence; the worker's log shows it as information, not as an error
    track_started = False  # before_start() stores STARTED, once it knows that this delivery is to run

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Claims the row for this delivery and stores STARTED. Raises Ignore where another delivery has the job."""
        redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
        with transaction.atomic():
            runs = claim(task_id, redelivered=redelivered)
            if runs and self._is_announced():
                self._store_started()
        if not runs:  # raised outside: a redelivery that claim() has failed for good stays failed
            raise Ignore("Another delivery of this job did it, or is doing it.")
        if not self._is_announced():  # no lock is held while another server is asked
            self._store_started()

    def retry(self, *args: Any, max_retries: int | None = None, **kwargs: Any) -> Any:
        """As Celery's; moves the row before it sends the message, or a quick second run would be announced first."""
        most = self.max_retries if max_retries is None else max_retries
        if not self.request.called_directly and (most is None or self.request.retries < most):
            move(self.request.id, State.RETRY)
        return super().retry(*args, max_retries=max_retries, **kwargs)

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None, **kwargs: Any
    ) -> None:
        """As Celery's; moves the row with it, and stores nothing that the row refuses."""
        task_id = task_id or self.request.id
        if self._is_announced() or follow(task_id, state or "", meta):
            super().update_state(task_id, state, meta, **kwargs)

    def _is_announced(self) -> bool:
        """Whether the result backend moves the row, in the transaction in which it stores a state."""
        return isinstance(self.backend, AnnouncedBackend)

    def _store_started(self) -> None:
        super().update_state(state=State.STARTED, meta={"hostname": self.request.hostname})


def progress(percent: int, step: str) -> None:
    """Reports how far the running task is, at once. Does nothing outside a task.

    Raises ProgressInTransaction inside a transaction, where a report would be seen after its end, or never. Raises
    Ignore, which ends the run, where the job is no longer this run's: it was cancelled, or given up.
    """
    if not current_task or current_task.request.called_directly:
        return
    if in_transaction():
        raise ProgressInTransaction
    current_task.update_state(state=State.PROGRESS, meta={"percent": percent, "step": step})
    if not is_in_state(current_task.request.id, State.PROGRESS):
        raise Ignore("The job is no longer this run's.")
