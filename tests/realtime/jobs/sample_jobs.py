"""Jobs for the workers of these tests, most of which go wrong on purpose: `celery worker --include`."""

import gc
import os
import signal
import threading
from contextlib import suppress
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction

from realtime.jobs.job import Job, progress
from realtime.jobs.state_machine import TaskError


@shared_task(base=Job, bind=True)
def stumble(self: Any, times: int) -> int:
    """Succeeds after this number of retries."""
    progress(50, f"run {self.request.retries + 1}")
    if self.request.retries < times:
        raise self.retry(countdown=0)
    return self.request.retries


@shared_task(base=Job)
def refuse() -> None:
    raise TaskError("There is no ink left.")


@shared_task(base=Job)
def fall() -> None:
    """Kills its own process, each time."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(base=Job)
def stay() -> None:
    """Reports half, and never ends."""
    progress(50, "half")
    threading.Event().wait()


@shared_task(base=Job, soft_time_limit=1, time_limit=2)
def hang() -> None:
    """Ignores the soft time limit, and runs into the hard one."""
    with suppress(SoftTimeLimitExceeded):
        threading.Event().wait()
    threading.Event().wait()


@shared_task(base=Job)
def whisper() -> None:
    """Reports progress inside a transaction."""
    with transaction.atomic():
        progress(50, "half")


@shared_task(base=Job)
def frozen() -> int:
    """How many objects of its process the garbage collector leaves alone."""
    return gc.get_freeze_count()


@shared_task(base=Job, bind=True)
def by_hand(self: Any) -> dict[str, int]:
    """Reports by Celery's own update_state()."""
    self.update_state(state="PROGRESS", meta={"percent": 40, "step": "by hand"})
    return {"words": 12}


@shared_task(base=Job)
def shapeless() -> object:
    """Returns a result that is not JSON."""
    return object()


@shared_task(base=Job, ignore_result=True)
def forgotten() -> int:
    """Returns a result that Celery does not keep."""
    return 3
