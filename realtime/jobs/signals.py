"""Celery's signals move the row to a task's end where no result backend of ours does.

`task_success` is sent by the pool's child. `task_failure` is sent by the child for an exception, and by the worker's
main process for a child that was killed and for a hard time limit (twice). `task_revoked` is sent by the main process.
Where the row has been moved before, the state machine refuses the same step, and nothing is announced.
"""

from typing import Any

from celery.signals import task_failure, task_revoked, task_success
from django.db import DataError, InterfaceError, OperationalError, connection

from realtime.jobs.result_backend import follow
from realtime.jobs.state_machine import State


def connect() -> None:
    """Connects the receivers. Called from AppConfig.ready(): a worker's children inherit them."""
    task_success.connect(_succeeded, dispatch_uid="realtime.jobs.succeeded")
    task_failure.connect(_failed, dispatch_uid="realtime.jobs.failed")
    task_revoked.connect(_revoked, dispatch_uid="realtime.jobs.revoked")


def _succeeded(sender: Any, result: Any, **_: Any) -> None:
    try:
        _move(sender.request.id, State.SUCCESS, result)
    except (TypeError, ValueError, DataError) as error:  # a result that is not JSON cannot be shown
        _move(sender.request.id, State.FAILURE, error)


def _failed(task_id: str, exception: BaseException, **_: Any) -> None:
    _move(task_id, State.FAILURE, exception)


def _revoked(request: Any, **_: Any) -> None:
    _move(request.id, State.REVOKED, None)


def _move(task_id: str, state: str, result: Any) -> None:
    """Moves the row; once more on a new connection where this process's was cut: the main process keeps it for days."""
    try:
        follow(task_id, state, result)
    except (InterfaceError, OperationalError):
        connection.close()
        follow(task_id, state, result)
