"""A change of a relation is told once: by m2m_changed for the rows of its own actions, by the rows for all others."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import m2m_changed
from django.test.utils import CaptureQueriesContext

from blog.models import Author, Authorship, Book, Post, Tag, Tagging
from realtime.publish import PendingChange
from tests import cast
from tests.tail import captured_events
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)

CHANGED = "book.authors.changed"


@pytest.fixture
def book() -> Book:
    """By Ada."""
    book = Book.objects.create(title="Harbour")
    book.authors.add(Author.objects.create(name="Ada"))
    return book


@pytest.fixture
def ben() -> Author:
    return Author.objects.create(name="Ben")


@contextmanager
def heard(action: str, receiver: Callable[[], object], sender: Any = Authorship) -> Iterator[None]:
    """Calls somebody else's receiver at this action of m2m_changed."""

    def hear(**kwargs: Any) -> None:
        if kwargs["action"] == action:
            receiver()

    m2m_changed.connect(hear, sender=sender)
    yield
    m2m_changed.disconnect(hear, sender=sender)


def pending_changes() -> list[PendingChange]:
    return [hook for _, hook, _ in connection.run_on_commit if isinstance(hook, PendingChange)]


# what is done, and what the newest event of the book says: was clear() among the actions?
CLEARED: dict[str, tuple[Callable[[Book, Author, Author], object], bool]] = {
    "clear": (lambda book, ada, ben: book.authors.clear(), True),
    "clear from the other side": (lambda book, ada, ben: ada.books.clear(), True),
    "set to none, clearing": (lambda book, ada, ben: book.authors.set([], clear=True), True),
    "set to another, clearing": (lambda book, ada, ben: book.authors.set([ben], clear=True), True),
    "set from the other side, clearing": (lambda book, ada, ben: ben.books.set([book], clear=True), True),
    "clear and add": (lambda book, ada, ben: (book.authors.clear(), book.authors.add(ben)), True),
    "clear from the other side and add": (lambda book, ada, ben: (ada.books.clear(), book.authors.add(ben)), True),
    "remove, clear what is empty and add": (
        lambda book, ada, ben: (book.authors.remove(ada), book.authors.clear(), book.authors.add(ben)),
        True,
    ),
    "set to none": (lambda book, ada, ben: book.authors.set([]), False),
    "set to another": (lambda book, ada, ben: book.authors.set([ben]), False),
    "remove": (lambda book, ada, ben: book.authors.remove(ada), False),
    "delete rows": (lambda book, ada, ben: Authorship.objects.filter(book=book).delete(), False),
    "delete the author": (lambda book, ada, ben: ada.delete(), False),
    "clear another's": (lambda book, ada, ben: (ben.books.clear(), book.authors.add(ben)), False),
}


@pytest.mark.parametrize("way", CLEARED)
def test_cleared_is_the_action_and_not_what_is_left(way: str, book: Book, ben: Author) -> None:
    act, cleared = CLEARED[way]
    with captured_events() as events, transaction.atomic():
        act(book, book.authors.get(), ben)
    assert events.data(CHANGED)["cleared"] is cleared


def test_a_clear_that_is_rolled_back_to_a_savepoint_is_forgotten(book: Book, ben: Author) -> None:
    with captured_events() as events, transaction.atomic():
        book.authors.add(ben)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            book.authors.clear()
            1 / 0
    data = events.data(CHANGED)
    assert (len(data["added"]), data["removed"], data["cleared"]) == (1, [], False)


def test_a_clear_of_what_is_empty_costs_nothing_at_commit(ben: Author) -> None:
    with captured_events() as events, CaptureQueriesContext(connection) as seen:
        ben.books.clear()
        Book.objects.create(title="Harbour").authors.clear()
    assert events.kinds() == ["book.published"]
    assert not any("FOR SHARE" in query["sql"] for query in seen)


@pytest.mark.parametrize("count", [1, 150])
def test_an_action_is_one_pending_change_however_many_rows(count: int, ben: Author) -> None:
    books = Book.objects.bulk_create([Book(title=f"{n}", slug=f"book-{n}") for n in range(count)])
    for act in (lambda: ben.books.add(*books), lambda: ben.books.remove(*books), lambda: ben.books.set(books)):
        with transaction.atomic():
            act()
            assert [len(change.keys) for change in pending_changes()] == [count]


def test_an_action_that_fails_says_nothing_and_leaves_the_word_to_the_rows(book: Book, ben: Author) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with captured_events() as events, transaction.atomic():
        for action, act in (("pre_add", lambda: book.authors.add(ben)), ("post_clear", book.authors.clear)):
            with heard(action, fail), pytest.raises(ZeroDivisionError), transaction.atomic():
                act()
    assert events == []
    with captured_events() as events, transaction.atomic():
        Authorship.objects.create(book=book, author=ben)
        Authorship.objects.exclude(author=ben).delete()
    data = events.data(CHANGED)
    assert [author["name"] for author in data["added"] + data["removed"]] == ["Ben", "Ada"]


def test_who_adds_what_another_has_just_added_fails_and_nothing_of_it_is_told(book: Book, ben: Author) -> None:
    def join() -> None:
        Authorship.objects.create(book=book, author=ben)
        connection.close()

    def elsewhere() -> None:
        other = threading.Thread(target=join)
        other.start()
        other.join(PATIENCE)

    with captured_events() as events:
        with heard("pre_add", elsewhere), pytest.raises(IntegrityError):
            book.authors.add(ben)
    assert events.kinds() == [CHANGED]
    with captured_events() as events:
        book.authors.remove(ben)
    assert events.kinds() == [CHANGED]


@pytest.mark.parametrize("act", [lambda book, ben: book.authors.clear(), lambda book, ben: book.authors.remove(ben)])
def test_who_joins_between_the_question_and_the_deletion_is_told_to_have_left(
    act: Callable[[Book, Author], object], book: Book, ben: Author
) -> None:
    """m2m_changed has told of others only; so the row, which goes with them, speaks for itself."""

    def join() -> None:
        Author.objects.get(pk=ben.pk).books.add(book)
        connection.close()

    def elsewhere() -> None:
        other = threading.Thread(target=join)
        other.start()
        other.join(PATIENCE)

    with captured_events() as events:
        with heard("pre_clear", elsewhere), heard("pre_remove", elsewhere):
            act(book, ben)
    assert events.kinds() == [CHANGED] * 2
    assert not book.authors.filter(pk=ben.pk).exists()
    newest = events[-1:]
    assert "Ben" in [author["name"] for author in type(events)(newest).data(CHANGED)["removed"]]


def test_rows_that_a_receiver_changes_meanwhile_are_told_too(book: Book, ben: Author) -> None:
    cleo = Author.objects.create(name="Cleo")
    other = Book.objects.create(title="Other")

    def meanwhile() -> None:
        Authorship.objects.create(book=other, author=ben)
        Authorship.objects.create(book=book, author=cleo)
        Authorship.objects.filter(author__name="Ada").delete()

    with captured_events() as events, heard("post_add", meanwhile):
        book.authors.add(ben)
    of_book, of_other = [
        type(events)(event for event in events if event.key == f"book.{each.pk}").data(CHANGED)
        for each in (book, other)
    ]
    assert sorted(author["name"] for author in of_book["added"]) == ["Ben", "Cleo"]
    assert [author["name"] for author in of_book["removed"]] == ["Ada"]
    assert [author["name"] for author in of_other["added"]] == ["Ben"]


def test_an_action_within_an_action_tells_of_its_own(book: Book, ben: Author) -> None:
    other = Book.objects.create(title="Other")
    with captured_events() as events, heard("pre_clear", lambda: ben.books.add(book, other)):
        book.authors.clear()
    # he came before the rows were counted, and went with them
    assert [event.key for event in events] == [f"book.{book.pk}", f"book.{other.pk}"]
    data = type(events)(events[:1]).data(CHANGED)
    assert ([author["name"] for author in data["removed"]], data["added"]) == (["Ada"], [])


def test_what_one_thread_is_doing_silences_no_other(book: Book, ben: Author) -> None:
    """One stands in the middle of an add(); another saves a row of the same book."""
    cleo = Author.objects.create(name="Cleo")
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        if threading.current_thread() is not threading.main_thread():
            inside.set()
            done.wait(PATIENCE)

    def add() -> None:
        Book.objects.get(pk=book.pk).authors.add(ben)
        connection.close()

    with captured_events() as events:
        with heard("pre_add", hold):
            adding = threading.Thread(target=add)
            adding.start()
            assert inside.wait(PATIENCE)
            Authorship.objects.create(book=book, author=cleo)
            done.set()
            adding.join(PATIENCE)
    assert events.kinds() == [CHANGED] * 2


async def test_a_coroutine_that_adds_is_told_too(book: Book, ben: Author) -> None:
    with captured_events() as events:
        await book.authors.aadd(ben)
    await sync_to_async(lambda: connection.close())()  # that of the thread which has added
    assert events.kinds() == [CHANGED]


@pytest.mark.parametrize("way", ["add", "remove", "clear", "set"])
@pytest.mark.parametrize("other_side", [False, True])
def test_what_is_told_by_m2m_changed_asks_no_more_than_the_rows_did(way: str, other_side: bool) -> None:
    """Queries of the action itself: Django's own, and one for what a tag is called, or for what is there."""
    post = cast.a_post(cast.ada())
    here, new = Tag.objects.create(name="sea"), Tag.objects.create(name="tide")
    post.tags.add(here)
    relation: Any = (here if way != "add" else new).posts if other_side else post.tags
    part: Any = post if other_side else here if way != "add" else new
    with transaction.atomic(), CaptureQueriesContext(connection) as seen:
        {
            "add": lambda: relation.add(part),
            "remove": lambda: relation.remove(part),
            "clear": lambda: relation.clear(),
            "set": lambda: relation.set([]),
        }[way]()
        queries = len(seen)
    # add: which are there, [the slug], INSERT; remove and clear: what is there, the rows, DELETE; set: the old ones
    assert queries == {"add": 3 - other_side, "remove": 3, "clear": 3, "set": 4}[way]


def test_the_managers_of_both_sides_stay_what_templates_and_forms_take_them_for(book: Book) -> None:
    for relation in (book.authors, book.authors.get().books):
        for name in ("add", "remove", "clear", "set"):
            assert getattr(relation, name).alters_data
    assert Post.tags.through is Tagging
