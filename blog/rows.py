"""What states are made of: rows as PostgreSQL gives them, without a model's instance for each.

A page reads the rows of its own querysets. Announcing reads the same rows by their ids, with every save, so
there the same querysets are compiled once (realtime.compiled).
"""

from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import CharField, Count, Func, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from blog.models import Author, Authorship, Book, Edition, Like, Post, Tag, Tagging
from realtime.compiled import Compiled


class PostRow(NamedTuple):
    """A post with what it shows of others. `tags`: slug and name of each."""

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
    byline_name: str
    book: int | None
    book_title: str
    book_state: str
    tags: list[tuple[str, str]]
    likes: int
    announced: int = 0


class ShownRow(NamedTuple):
    """What a post shows of others. `tags`: the slugs."""

    byline: int | None
    book: int | None
    tags: list[str]


class DeskRow(NamedTuple):
    """As much of a post as the desk sees."""

    id: int
    title: str
    state: str
    byline: int | None
    byline_name: str
    published_date: datetime | None
    announced: int = 0


class BookRow(NamedTuple):
    id: int
    slug: str
    title: str
    state: str
    withdrawn: datetime | None
    reason: str
    announced: int = 0


class AuthorshipRow(NamedTuple):
    book: int
    author: int
    name: str
    contribution: str
    date_joined: date
    order: int


class EditionRow(NamedTuple):
    book: int
    number: int
    file: str
    built: datetime


class NameRow(NamedTuple):
    """An author or, with its slug for an id, a tag."""

    id: Any
    name: str
    announced: int = 0


def posts(queryset: "QuerySet[Post]", *version: Any) -> "QuerySet[Any, Any]":
    """Each as a PostRow's values."""
    like = Like.objects.filter(post=OuterRef("pk")).order_by().values("post")
    likes = Subquery(like.annotate(count=Count("pk")).values("count"), output_field=IntegerField())
    pair = Func("tag__slug", "tag__name", template="ARRAY[%(expressions)s]", output_field=ArrayField(CharField()))
    tags = Tagging.objects.filter(post=OuterRef("pk")).order_by("tag__name", "tag_id").values_list(pair)
    return queryset.values_list(
        *("pk", "title", "text", "published_date", "created", "updated", "chapter", "pinned", "key_event", "urgent"),
        *("state", "withdrawn", "reason", "byline_id", "byline__name", "book_id", "book__title", "book__state"),
        *(ArraySubquery(tags), Coalesce(likes, 0), *version),
    )


def desk(queryset: "QuerySet[Post]", *version: Any) -> "QuerySet[Any, Any]":
    return queryset.values_list("pk", "title", "state", "byline_id", "byline__name", "published_date", *version)


def books(queryset: "QuerySet[Book]", *version: Any) -> "QuerySet[Any, Any]":
    return queryset.values_list("pk", "slug", "title", "state", "withdrawn", "reason", *version)


def authors(queryset: "QuerySet[Author]", *version: Any) -> "QuerySet[Any, Any]":
    return queryset.values_list("pk", "name", *version)


def tags(queryset: "QuerySet[Tag]", *version: Any) -> "QuerySet[Any, Any]":
    return queryset.values_list("slug", "name", *version)


def _shown(queryset: "QuerySet[Post]") -> "QuerySet[Any, Any]":
    slugs = Tagging.objects.filter(post=OuterRef("pk")).order_by().values("tag__slug")
    return queryset.values_list("byline_id", "book_id", ArraySubquery(slugs))


POSTS = Compiled(PostRow, lambda these: posts(Post.objects.filter(these).order_by()))
BOOKS = Compiled(BookRow, lambda these: books(Book.objects.filter(these).order_by()))
AUTHORS = Compiled(NameRow, lambda these: authors(Author.objects.filter(these).order_by()))
TAGS = Compiled(NameRow, lambda these: tags(Tag.objects.filter(these).order_by()), of="slug")
AUTHORSHIPS = Compiled(
    AuthorshipRow,
    lambda these: (
        Authorship.objects.filter(these)
        .order_by("order", "pk")
        .values_list("book_id", "author_id", "author__name", "contribution", "date_joined", "order")
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
# what posts and books show of others, to be locked before they are read
SHOWN_BY_POSTS = Compiled(ShownRow, lambda these: _shown(Post.objects.filter(these).order_by()))
AUTHORS_OF_BOOKS = Compiled(
    int, lambda these: Authorship.objects.filter(these).order_by().values_list("author_id"), of="book_id"
)
