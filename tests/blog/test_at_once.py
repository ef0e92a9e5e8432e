"""Two transactions at once: the event that lands last tells the whole truth."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from django.db import connection, transaction

from blog.models import Author, Book, Tag
from tests import cast
from tests.tail import captured_events
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 15


def at_once(*changes: Callable[[], object]) -> None:
    """Runs each in a transaction of its own; none commits before all have changed."""
    errors: list[BaseException] = []
    ready = threading.Barrier(len(changes), timeout=PATIENCE)

    def run(change: Callable[[], object]) -> None:
        try:
            with transaction.atomic():
                change()
                ready.wait()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(change,)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert errors == []


def names(events, kind: str) -> list[str]:
    """The authors in the newest event of the book."""
    newest = [event for event in events if event.kind == kind][-1]
    return sorted(author["name"] for author in msgspec.json.decode(newest.data)["book"]["authors"])


def test_different_authors_added_to_one_book():
    for _ in range(ROUNDS):
        book = Book.objects.create(title="Harbour")
        ada, ben = Author.objects.create(name="Ada"), Author.objects.create(name="Ben")
        with captured_events() as events:
            at_once(lambda: book.authors.add(ada), lambda: book.authors.add(ben))
        assert events.kinds() == ["book.authors.changed"] * 2
        assert names(events, "book.authors.changed") == ["Ada", "Ben"]


def test_an_author_renamed_while_joining_a_book():
    for _ in range(ROUNDS):
        book = Book.objects.create(title="Harbour")
        ada = Author.objects.create(name="Ada")

        def rename(pk: int = ada.pk) -> None:
            Author.objects.filter(pk=pk).update(name="Ada L.")

        with captured_events() as events:
            at_once(lambda: book.authors.add(ada), rename)
        # whoever applies them in order shows the new name: the book's own, or the author's later one
        last = [event.kind for event in events][-1]
        assert last == "author.updated" or names(events, "book.authors.changed") == ["Ada L."]


def test_books_changed_in_opposite_order_do_not_deadlock_by_being_announced():
    """Both are stopped in the middle of their locks; in two orders each would have what the other wants."""
    books = Book.objects.bulk_create([Book(title=f"{n}", slug=f"book-{n}") for n in range(50)])
    ada, ben = Author.objects.create(name="Ada"), Author.objects.create(name="Ben")
    both = threading.Thread(
        target=at_once, args=(partial(ada.books.add, *books), partial(ben.books.add, *reversed(books)))
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM realtime_key WHERE key = %s FOR UPDATE", [f"book.{books[25].pk}"])
        both.start()
        until(lambda: waiting(cursor) == 2)
    both.join(2 * PATIENCE)
    assert {book.authors.count() for book in books} == {2}


# what is changed, behind which key, and what the post then shows
MEANWHILE: dict[str, tuple[str, str, Callable[[Any], object], object]] = {
    "a like": (
        "INSERT INTO blog_like (post_id, user_id) SELECT id, author_id FROM blog_post",
        "post.{post.pk}",
        lambda post: post["likes"],
        1,
    ),
    "the byline's name": (
        "UPDATE blog_author SET name = 'New'",
        "author.{post.byline_id}",
        lambda post: post["author"]["name"],
        "New",
    ),
    "a tag's name": (
        "UPDATE blog_tag SET name = 'New'",
        "tag.sea",
        lambda post: [tag["name"] for tag in post["tags"]],
        ["New"],
    ),
    "the book's title": (
        "UPDATE blog_book SET title = 'New'",
        "book.{post.book_id}",
        lambda post: post["book"]["title"],
        "New",
    ),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_who_waits_for_a_lock_tells_what_is_there_when_it_has_it(what: str) -> None:
    """One has the lock of a key, and has changed what is behind it; the other saves a post that shows this."""
    change, key, shown, new = MEANWHILE[what]
    post = cast.a_post(cast.ada(), book=Book.objects.create(title="Harbour"))
    post.tags.add(Tag.objects.create(name="Sea", slug="sea"))
    saving = threading.Thread(target=at_once, args=(post.save,))
    with captured_events() as events:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)
            cursor.execute("SELECT FROM realtime_key WHERE key = %s FOR UPDATE", [key.format(post=post)])
            saving.start()
            until(lambda: waiting(cursor) >= 1)
        saving.join(20)
    assert events.kinds() == ["post.updated"]
    assert shown(events.data("post.updated")) == new


def waiting(cursor: Any) -> int:
    cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
    return cursor.fetchone()[0]
