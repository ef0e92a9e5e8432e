"""A page's states: never a version that is newer than what stands beside it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from blog.models import Author, Book, Post, Publication, Tag
from blog.state import author_states, book_states, desk_posts, post_states, publication_state, tag_states
from tests import cast

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def changed_after_each_query(change: Callable[[], None]) -> Iterator[None]:
    """Between any two queries of the block somebody else commits `change`."""

    def elsewhere() -> None:
        change()
        connection.close()

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = execute(sql, params, many, context)
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join(10)
        return found

    with connection.execute_wrapper(wrapper):
        yield


def counter() -> Callable[[], str]:
    numbers = iter(range(1000))
    return lambda: f"Name {next(numbers)}"


@pytest.mark.parametrize("family", ["post", "desk", "book", "author", "tag", "publication"])
def test_a_version_is_never_newer_than_its_state(family):
    post = cast.a_post(cast.ada())
    rows = {
        "post": post,
        "desk": post,
        "book": Book.objects.create(title="Name"),
        "author": post.byline,
        "tag": Tag.objects.create(name="Name", slug="name"),
        "publication": Publication(title="Name"),
    }
    reads: dict[str, Callable[[], Any]] = {
        "post": lambda: post_states(Post.objects.all())[0],
        "desk": lambda: desk_posts(Post.objects.all())[0],
        "book": lambda: book_states(Book.objects.all())[0],
        "author": lambda: author_states(Author.objects.all())[0],
        "tag": lambda: tag_states(Tag.objects.all())[0],
        "publication": publication_state,
    }
    row, field = rows[family], "title" if hasattr(rows[family], "title") else "name"
    named: dict[str, int] = {}
    name = counter()

    def change() -> None:
        setattr(row, field, name())
        row.save()
        state = reads[family]()
        named[getattr(state, field)] = state.version

    change()
    with changed_after_each_query(change):
        read = reads[family]()
    assert read.version <= named[getattr(read, field)]
