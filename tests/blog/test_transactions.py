"""A request that PostgreSQL chose to end a deadlock runs once more."""

import threading

import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse

from blog.models import Post, User
from blog.views.transactions import retry_on_deadlock
from tests import cast
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair() -> tuple[Post, Post]:
    ada = cast.ada()
    return cast.a_post(ada, "One"), cast.a_post(ada, "Two")


def test_two_requests_that_lock_in_opposite_order_both_go_through(pair: tuple[Post, Post]) -> None:
    both_hold_one = threading.Barrier(2, timeout=PATIENCE)
    attempts: list[str] = []

    @retry_on_deadlock
    def rename(request: HttpRequest, first: Post, second: Post) -> HttpResponse:
        attempts.append(first.title)
        again = attempts.count(first.title) > 1
        for post in (first, second):
            Post.objects.select_for_update(no_key=True).get(pk=post.pk)
            if not again and post is first:
                both_hold_one.wait()
        Post.objects.filter(pk=first.pk).update(text=f"{first.title} was here")
        return HttpResponse()

    answers: list[int] = []

    def ask(first: Post, second: Post) -> None:
        try:
            answers.append(rename(HttpRequest(), first, second).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=order) for order in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert answers == [200, 200]
    assert len(attempts) > 2
    assert {post.text for post in Post.objects.all()} == {"One was here", "Two was here"}


def test_what_is_no_deadlock_is_not_tried_again(pair: tuple[Post, Post]) -> None:
    attempts: list[int] = []

    @retry_on_deadlock
    def wait_too_long(request: HttpRequest) -> HttpResponse:
        attempts.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 10; SELECT pg_sleep(10)")
        return HttpResponse()

    with pytest.raises(OperationalError):
        wait_too_long(HttpRequest())
    assert len(attempts) == 1


def test_what_fails_leaves_nothing_behind(pair: tuple[Post, Post]) -> None:
    @retry_on_deadlock
    def fail(request: HttpRequest) -> HttpResponse:
        assert transaction.get_connection().in_atomic_block
        cast.a_post(User.objects.get(), "Three")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail(HttpRequest())
    assert Post.objects.count() == 2
