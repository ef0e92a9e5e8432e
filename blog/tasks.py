"""What this domain leaves to workers. Each task is a door; what happens behind it is told elsewhere."""

from dataclasses import asdict
from typing import Any

from celery import shared_task
from django.db import transaction

from blog.books import editions
from blog.models import Post
from blog.publishing import revisions
from realtime.jobs.job import Job, progress


@shared_task(base=Job)
def build_epub(book_id: int) -> dict[str, Any]:
    """The next edition of a book, as an EPUB; its result says which and where."""
    return asdict(editions.build(book_id, progress))


@shared_task(ignore_result=True)
def publish_due() -> int:
    """Publishes the posts whose time has come, each for itself. Returns how many."""
    done, failures = 0, []
    for pk in Post.objects.due().order_by("published_date", "pk").values_list("pk", flat=True):
        try:
            done += _publish(pk)
        except Exception as failure:  # one post's trouble must not keep the others: raised below
            failures.append(failure)
    if failures:
        raise ExceptionGroup("Posts that are due could not be published.", failures)
    return done


def _publish(pk: int) -> bool:
    """Under the post's lock, which another worker may hold: then it is that one's to publish."""
    with transaction.atomic():
        post = Post.objects.due().select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
        if post is None:
            return False
        post.publish()
        revisions.record(post, post.author)
    return True
