"""The Celery tasks of this package, started by CELERY_BEAT_SCHEDULE in the settings."""

from celery import shared_task

from realtime import retention
from realtime.jobs.sweep import end_lost_jobs


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> int:
    """Ends or sends again the jobs that were lost with their worker or message; returns how many. Every 15 seconds."""
    return end_lost_jobs()


@shared_task(ignore_result=True)  # type: ignore[untyped-decorator]
def trim() -> None:
    """Trims the log, finished jobs and Celery's results. Every hour."""
    retention.trim()
