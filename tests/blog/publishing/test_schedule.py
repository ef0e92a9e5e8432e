"""Posts that are due are published while books take all the workers there are for jobs."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from blog.models import Post
from blog.tasks import publish_due
from realtime.jobs.state_machine import State, enqueue
from tests import cast
from tests.realtime.jobs import sample_jobs
from tests.realtime.jobs.workers import WorkerGroup, refreshed, until_state
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker_group(child_environment, tmp_path) -> Iterator[WorkerGroup]:
    """As `live` and deploy/ have it."""
    worker_group = WorkerGroup(child_environment, tmp_path)
    books, _due = worker_group.start("books", "--queues", "celery"), worker_group.start("due", "--queues", "due")
    yield worker_group
    books.kill()  # it would finish its job first
    worker_group.stop_all()


def test_fifty_posts_are_not_late_because_a_book_is_being_built(worker_group):
    ada, soon = cast.ada(), timezone.now() - timedelta(seconds=1)
    for number in range(50):
        cast.a_post(ada, f"Post {number}", state="scheduled", published_date=soon)
    book = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
    publish_due.delay()
    until(lambda: Post.objects.public().count() == 50)
    assert refreshed(book).state == State.PROGRESS
