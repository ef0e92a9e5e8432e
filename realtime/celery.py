"""The Celery application, configured by the settings whose names begin with CELERY_."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

from realtime import memory
from realtime.embedded import celery_cli

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")

app = Celery("realtime")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.user_options["preload"].add(celery_cli.option)
app.steps["worker"].add("realtime.jobs.worker_heartbeat:WorkerHeartbeat")


@app.task(bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def debug_task(self: Any) -> None:
    """Prints its own request on the worker's standard output, as in Celery's guide for Django."""
    print(f"Request: {self.request!r}", flush=True)  # noqa: T201  # that is what it is for


@worker_init.connect  # type: ignore[untyped-decorator]
def _settle(**_: Any) -> None:
    """Runs after the jobs are imported and before the pool forks."""
    memory.freeze()
