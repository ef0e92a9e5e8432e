"""The Celery tasks of the domain. Each only calls the function that does its work."""

from dataclasses import asdict
from typing import Any

from celery import shared_task

from blog.books import editions
from blog.publishing import schedule
from realtime.jobs.job import Job, progress


@shared_task(base=Job)
def build_epub(book_id: int) -> dict[str, Any]:
    """Builds the next edition of a book as an EPUB; the result is its number and its address."""
    return asdict(editions.build(book_id, progress))


@shared_task(ignore_result=True)
def publish_due() -> int:
    """Publishes the scheduled posts whose time has come; returns how many. Every 5 seconds."""
    return schedule.publish_due_posts()
