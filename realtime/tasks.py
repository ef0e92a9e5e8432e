"""The Celery tasks of the middle, which the schedule in settings starts."""

from celery import shared_task

from realtime import retention
from realtime.jobs.sweep import end_lost_jobs


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> int:
    """Ends or sends again the jobs that no worker is left to end; returns how many. Every 15 seconds."""
    return end_lost_jobs()


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def trim() -> None:
    """Trims the log, finished jobs and Celery's results. Every hour."""
    retention.trim()
