"""The rows that states are made of, as PostgreSQL gives them, without a model's instance for each.

A row is of its object alone and names others by id; how they are shown is read by their ids. So when a change
is announced, the row can be read as soon as its object is locked, and what it shows once that is locked, too.
And there are no joins, which cost PostgreSQL more to plan than all of it to read.

A page reads the rows of its own querysets. Announcing reads the same rows by their ids, with every save, so
there the same querysets are compiled once (realtime.compiled).
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from blog.models import Author, Authorship, Book, Edition, Like, Post, Tag, Tagging
from realtime.compiled import Compiled


class PostRow(NamedTuple):
    """A post, with the slugs of its `tags` and the number of its `likes`."""

    id: int
    title: str
    text: str
    published_date: datetime | None
    created: datetime
    updated: datetime
    chapter: int | None
    pinned: bool
    key_event: bool
    urgent: bool
    state: str
    withdrawn: datetime | None
    reason: str
    byline: int | None
    book: int | None
    tags: Sequence[str]
    likes: int
    announced: int = 0


class DeskRow(NamedTuple):
    """The columns of a post that the desk sees."""

    id: int
    title: str
    state: str
    byline: int | None
    published_date: datetime | None
    announced: int = 0


class BookRow(NamedTuple):
    """A book alone."""

    id: int
    slug: str
    title: str
    state: str
    withdrawn: datetime | None
    reason: str
    announced: int = 0


class AuthorshipRow(NamedTuple):
    """That an author wrote a book."""

    book: int
    author: int
    contribution: str
    date_joined: date
    order: int


class EditionRow(NamedTuple):
    """An edition of a book."""

    book: int
    number: int
    file: str
    built: datetime


class NameRow(NamedTuple):
    """An author or, with its slug for an id, a tag."""

    id: Any
    name: str
    announced: int = 0


class Bound(NamedTuple):
    """A book with its authorships, in the order in which the authors are named, and its newest edition."""

    book: BookRow
    authorships: Sequence[AuthorshipRow]
    edition: EditionRow | None


def posts(queryset: "QuerySet[Post]", *version: Any) -> "QuerySet[Any, Any]":
    """Returns the queryset as the values of a PostRow each."""
    like = Like.objects.filter(post=OuterRef("pk")).order_by().values("post")
    likes = Subquery(like.annotate(count=Count("pk")).values("count"), output_field=IntegerField())
    slugs = Tagging.objects.filter(post=OuterRef("pk")).order_by().values("tag__slug")
    return queryset.values_list(
        *("pk", "title", "text", "published_date", "created", "updated", "chapter", "pinned", "key_event", "urgent"),
        *("state", "withdrawn", "reason", "byline_id", "book_id", ArraySubquery(slugs), Coalesce(likes, 0), *version),
    )


def desk_columns(queryset: "QuerySet[Post]", *version: Any) -> "QuerySet[Any, Any]":
    """Returns the queryset as the values of a DeskRow each."""
    return queryset.values_list("pk", "title", "state", "byline_id", "published_date", *version)


def books(queryset: "QuerySet[Book]", *version: Any) -> "QuerySet[Any, Any]":
    """Returns the queryset as the values of a BookRow each."""
    return queryset.values_list("pk", "slug", "title", "state", "withdrawn", "reason", *version)


def names(queryset: "QuerySet[Author]", *version: Any) -> "QuerySet[Any, Any]":
    """Returns the queryset as the values of a NameRow each."""
    return queryset.values_list("pk", "name", *version)


def tags(queryset: "QuerySet[Tag]", *version: Any) -> "QuerySet[Any, Any]":
    """Returns the queryset as the values of a NameRow each."""
    return queryset.values_list("slug", "name", *version)


def bound(found: Sequence[BookRow]) -> list[Bound]:
    """Returns books with their authorships and newest editions: two queries."""
    ids = [book.id for book in found]
    authorships: dict[int, list[AuthorshipRow]] = {}
    for authorship in AUTHORSHIPS.rows(ids):
        authorships.setdefault(authorship.book, []).append(authorship)
    editions = {edition.book: edition for edition in NEWEST_EDITIONS.rows(ids)}
    return [Bound(book, authorships.get(book.id, ()), editions.get(book.id)) for book in found]


POSTS = Compiled(PostRow, lambda these: posts(Post.objects.filter(these).order_by()))
BOOKS = Compiled(BookRow, lambda these: books(Book.objects.filter(these).order_by()))
AUTHORS = Compiled(NameRow, lambda these: names(Author.objects.filter(these).order_by()))
TAGS = Compiled(NameRow, lambda these: tags(Tag.objects.filter(these).order_by("name", "pk")), of="slug")
AUTHORSHIPS = Compiled(
    AuthorshipRow,
    lambda these: (
        Authorship.objects.filter(these)
        .order_by("order", "pk")
        .values_list("book_id", "author_id", "contribution", "date_joined", "order")
    ),
    of="book_id",
)
NEWEST_EDITIONS = Compiled(
    EditionRow,
    lambda these: (
        Edition.objects.filter(these)
        .order_by("book_id", "-number")
        .distinct("book_id")
        .values_list("book_id", "number", "file", "built")
    ),
    of="book_id",
)
