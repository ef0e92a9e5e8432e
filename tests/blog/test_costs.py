"""What announcing costs: as many queries for a hundred objects as for three, and one event for each."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError, connection, transaction
from django.test.utils import CaptureQueriesContext

from blog.models import Author, Book, Like, Post, Tag, Tagging, User
from tests import cast
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)

FEW, MANY = 3, 60  # fewer than 100: of a deletion's rows Django itself asks for a hundred at a time


def books(count: int) -> list[Book]:
    return Book.objects.bulk_create([Book(title=f"{n}", slug=f"book-{n}") for n in range(count)])


def authors(count: int) -> list[Author]:
    return Author.objects.bulk_create([Author(name=f"{n}") for n in range(count)])


def drafts(count: int, **fields: Any) -> list[Post]:
    author = User.objects.create_user("ada")
    return [Post(title=f"{n}", text=f"{n}", author=author, published_date=cast.NOON, **fields) for n in range(count)]


def posts(count: int) -> list[Post]:
    return Post.objects.bulk_create(drafts(count, state="published"))


def chapters(count: int) -> None:
    books(count)
    Post.objects.bulk_create(
        [Post(**vars_of(post), book=book) for post, book in zip(posts(count), Book.objects.all(), strict=True)]
    )


def vars_of(post: Post) -> dict[str, Any]:
    return {"title": post.title, "text": post.text, "author": post.author, "state": "published"} | {
        "published_date": cast.NOON
    }


def bylines(count: int) -> None:
    for author, book, post in zip(authors(count), books(count), posts(count), strict=True):
        book.authors.add(author)
        Post.objects.filter(pk=post.pk).update(byline=author)


def liked(count: int) -> tuple[User, list[Post]]:
    return User.objects.create_user("cleo"), posts(count)


WAYS: dict[str, tuple[Callable[[int], Any], Callable[[Any], Any]]] = {
    "an author joins books": (
        lambda count: (Author.objects.create(name="Ada"), books(count)),
        lambda made: made[0].books.add(*made[1]),
    ),
    "books lose an author": (
        lambda count: (author := Author.objects.create(name="Ada"), author.books.add(*books(count))),
        lambda made: made[0].books.clear(),
    ),
    "posts get a tag": (
        lambda count: (Tag.objects.create(name="sea"), posts(count)),
        lambda made: made[0].posts.add(*made[1]),
    ),
    "somebody likes posts": (liked, lambda made: made[0].liked.add(*made[1])),
    "somebody likes no posts any more": (
        lambda count: [user.liked.add(*many) or user for user, many in [liked(count)]],
        lambda made: Like.objects.filter(user=made[0]).delete(),
    ),
    "posts are made": (lambda count: drafts(count, state="published"), Post.objects.bulk_create),
    "drafts are made": (drafts, Post.objects.bulk_create),
    "posts are updated": (posts, lambda made: Post.objects.update(pinned=True)),
    "posts are withdrawn": (posts, lambda made: Post.objects.update(state="withdrawn")),
    "books are withdrawn": (books, lambda made: Book.objects.update(state="withdrawn")),
    "posts are deleted": (posts, lambda made: Post.objects.all().delete()),
    "books are deleted": (chapters, lambda made: Book.objects.all().delete()),
    "authors are deleted": (bylines, lambda made: Author.objects.filter(books__isnull=False).delete()),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_transaction_costs_as_many_queries_for_many_objects_as_for_few(way: str) -> None:
    prepare, act = WAYS[way]
    costs = []
    for count in (FEW, MANY):
        for model in (Post, Book, Tag, Author, User):
            model.objects.all().delete()
        made = prepare(count)
        with captured_events() as events, CaptureQueriesContext(connection) as seen:
            act(made)
        costs.append(len(seen))
        about = [event for event in events if event.kind not in ("desk.changed", "post.updated")]
        assert len({event.key for event in about}) == len(about)
        assert len({event.key for event in events}) >= count
    assert costs[0] == costs[1]
    assert costs[0] <= 25


def test_adding_costs_two_queries_and_what_announcing_costs_once() -> None:
    author, many = Author.objects.create(name="Ada"), books(20)
    with CaptureQueriesContext(connection) as seen, transaction.atomic():
        for book in many:
            author.books.add(book)
    by_itself = ("SELECT", "INSERT")  # which of them are there, and the row
    assert len(seen) <= len(by_itself) * len(many) + 10


def test_what_changes_and_what_is_shown_are_locked_family_by_family() -> None:
    """However they take turns by number: an author who is renamed, one who is only named, and so on."""
    costs = []
    for count in (FEW, MANY):
        book, people = Book.objects.create(title=f"{count}"), authors(count)
        book.authors.add(*people)
        with CaptureQueriesContext(connection) as seen, transaction.atomic():
            Author.objects.filter(pk__in=[person.pk for person in people[::2]]).update(name="Ada")
            book.save()
        costs.append(len(seen))
    assert costs[0] == costs[1]


def test_a_post_that_is_public_from_the_beginning_is_one_event() -> None:
    with captured_events() as events:
        posts(2)
    assert events.kinds() == ["author.updated"] * events.kinds().count("author.updated") + ["post.published"] * 2


@pytest.mark.parametrize("model", [Tagging, Like])
@pytest.mark.parametrize("conflicts", ["ignore_conflicts", "update_conflicts"])
def test_a_bulk_operation_that_cannot_be_announced_is_refused(model: Any, conflicts: str) -> None:
    with captured_events() as events, pytest.raises(NotSupportedError, match="bulk_update"):
        model.objects.bulk_create([], **{conflicts: True})
    assert events == []
