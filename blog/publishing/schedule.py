"""Publishes scheduled posts when their time has come."""

from django.db import transaction

from blog.models import Post
from blog.publishing import revisions


def publish_due_posts() -> int:
    """Publishes every post whose time has come, in a transaction of its own; returns how many were published.

    Raises ExceptionGroup, after all of them were tried, where some could not be published.
    """
    published, failures = 0, []
    for pk in Post.objects.due().order_by("published_date", "pk").values_list("pk", flat=True):
        try:
            published += _publish(pk)
        except Exception as failure:  # one post must not keep the others from being published: raised below
            failures.append(failure)
    if failures:
        raise ExceptionGroup("Posts that are due could not be published.", failures)
    return published


def _publish(pk: int) -> bool:
    """Publishes the post under its lock; returns False where another worker holds that, and publishes it."""
    with transaction.atomic():
        post = Post.objects.due().select_for_update(skip_locked=True, of=("self",)).filter(pk=pk).first()
        if post is None:
            return False
        post.publish()
        revisions.record(post, post.author)
    return True
