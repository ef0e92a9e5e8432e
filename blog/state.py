"""The public state of objects: what events carry *and* what pages render, so that both show the same.

Frozen dataclasses, encoded to JSON as they stand. They are read from querysets in a constant number of
queries, whatever is on the page.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.urls import get_script_prefix, get_urlconf, reverse
from django.utils import timezone

from blog import rows
from blog.models import Author, Authorship, Book, Post, Publication, Tag
from blog.text.markdown import render
from realtime import log
from realtime.live import Withdrawn
from realtime.publish import load_embedded

Shown = Mapping[str, Any]  # by key: how others are shown inside an object


@dataclass(frozen=True)
class AuthorRef:
    """How an author is shown inside others."""

    id: int
    name: str
    url: str


@dataclass(frozen=True)
class TagRef:
    """How a tag is shown inside a post."""

    slug: str
    name: str
    url: str


@dataclass(frozen=True)
class BookRef:
    """How a book is shown inside its chapters."""

    id: int
    title: str
    url: str


@dataclass(frozen=True)
class EditionRef:
    """The edition of a book that is on the shelf."""

    number: int
    url: str
    built: datetime


@dataclass(frozen=True)
class BookAuthor:
    """An author of a book: in which role, since when, in which place."""

    id: int
    name: str
    url: str
    contribution: str
    date_joined: date
    order: int


@dataclass(frozen=True, kw_only=True)
class PostState:
    """A public post."""

    id: int
    url: str
    title: str
    body: str  # safe HTML
    author: AuthorRef | None  # the byline, never the account
    published_date: datetime
    updated: datetime
    tags: tuple[TagRef, ...]
    likes: int
    book: BookRef | None
    chapter: int | None
    pinned: bool
    key_event: bool
    urgent: bool
    state: str
    version: int


@dataclass(frozen=True, kw_only=True)
class BookState:
    """A public book, with its authors in the order in which they are named."""

    id: int
    url: str
    slug: str
    title: str
    authors: tuple[BookAuthor, ...]
    edition: EditionRef | None
    version: int


@dataclass(frozen=True)
class AuthorState:
    """An author."""

    id: int
    name: str
    url: str
    version: int


@dataclass(frozen=True)
class TagState:
    """A tag."""

    slug: str
    name: str
    url: str
    version: int


@dataclass(frozen=True)
class PublicationState:
    """The publication itself."""

    title: str
    standfirst: str
    summary: str  # safe HTML
    ended: datetime | None
    version: int


@dataclass(frozen=True)
class DeskPost:
    """A post as the desk sees it: what it is called and how far it got. Never on a public topic."""

    id: int
    title: str
    state: str
    author: AuthorRef | None
    published_date: datetime | None
    version: int


@dataclass(frozen=True)
class Likes:
    """How many like a post."""

    id: int
    likes: int
    version: int


def post_states(posts: "QuerySet[Post]") -> list[PostState]:
    """Returns the states of posts, in the queryset's order: a query, and one for each family that they show."""
    found = [rows.PostRow(*row) for row in rows.posts(posts, log.version_of("post"))]
    shown = load_embedded(key for row in found for key in shown_by_post(row))
    return [post_state(row, row.announced, shown) for row in found]


def post_state(post: rows.PostRow, version: int, shown: Shown) -> PostState:
    """Returns the state of a post that was read."""
    tags = sorted(shown[key] for slug in post.tags if (key := f"tag.{slug}") in shown)
    return PostState(
        id=post.id,
        url=_url("post_detail", post.id),
        title=post.title,
        body=render(post.text),
        author=shown.get(f"author.{post.byline}"),
        published_date=post.published_date or post.created,
        updated=post.updated,
        tags=tuple(tag for _, tag in tags),
        likes=post.likes,
        book=shown.get(f"book.{post.book}"),
        chapter=post.chapter,
        pinned=post.pinned,
        key_event=post.key_event,
        urgent=post.urgent,
        state=post.state,
        version=version,
    )


def shown_by_post(post: rows.PostRow) -> Iterator[str]:
    """Yields the keys of the author, the book and the tags that a post shows."""
    if post.byline is not None:
        yield f"author.{post.byline}"
    if post.book is not None:
        yield f"book.{post.book}"
    yield from (f"tag.{slug}" for slug in post.tags)


def book_states(books: "QuerySet[Book]") -> list[BookState]:
    """Returns the states of books, in the queryset's order: four queries."""
    found = rows.bound([rows.BookRow(*row) for row in rows.books(books, log.version_of("book"))])
    shown = load_embedded(key for each in found for key in shown_by_book(each))
    return [book_state(each, each.book.announced, shown) for each in found]


def book_state(bound: rows.Bound, version: int, shown: Shown) -> BookState:
    """Returns the state of a book that was read."""
    book, authorships, edition = bound
    return BookState(
        id=book.id,
        url=_url("book_detail", book.id),
        slug=book.slug,
        title=book.title,
        authors=tuple(
            BookAuthor(author.id, author.name, author.url, row.contribution, row.date_joined, row.order)
            for row in authorships
            if (author := shown.get(f"author.{row.author}"))
        ),
        edition=EditionRef(edition.number, default_storage.url(edition.file), edition.built) if edition else None,
        version=version,
    )


def shown_by_book(bound: rows.Bound) -> Iterator[str]:
    """Returns the keys of the authors that a book shows."""
    return (f"author.{row.author}" for row in bound.authorships)


def author_states(authors: "QuerySet[Author]") -> list[AuthorState]:
    """Returns the states of authors, in the queryset's order: one query."""
    found = (rows.NameRow(*row) for row in rows.names(authors, log.version_of("author")))
    return [author_state(row, row.announced) for row in found]


def author_state(author: rows.NameRow, version: int) -> AuthorState:
    """Returns the state of an author that was read."""
    return AuthorState(author.id, author.name, _url("author_detail", author.id), version)


def tag_states(tags: "QuerySet[Tag]") -> list[TagState]:
    """Returns the states of tags, in the queryset's order: one query."""
    found = (rows.NameRow(*row) for row in rows.tags(tags, log.version_of("tag", "slug")))
    return [tag_state(row, row.announced) for row in found]


def tag_state(tag: rows.NameRow, version: int) -> TagState:
    """Returns the state of a tag that was read."""
    return TagState(tag.id, tag.name, _url("tag_detail", tag.id), version)


def publication_state(version: int | None = None) -> PublicationState:
    """Returns the publication as it is, or with its defaults where it has no row yet."""
    if version is None:
        version = log.versions(["publication.1"]).get("publication.1", 0)
    row = Publication.objects.filter(pk=1).first() or Publication()
    return PublicationState(row.title, row.standfirst, render(row.summary), row.ended, version)


def desk_posts(posts: "QuerySet[Post]") -> list[DeskPost]:
    """Returns how far unpublished posts got, in the queryset's order: two queries."""
    found = [rows.DeskRow(*row) for row in rows.desk_columns(posts, log.version_of("post"))]
    shown = load_embedded(f"author.{row.byline}" for row in found if row.byline is not None)
    return [desk_post(row, row.announced, shown) for row in found]


def desk_post(post: rows.DeskRow | rows.PostRow, version: int, shown: Shown) -> DeskPost:
    """Returns what the desk sees of a post that was read."""
    return DeskPost(post.id, post.title, post.state, shown.get(f"author.{post.byline}"), post.published_date, version)


def withdrawn_state(row: Post | Book | rows.PostRow | rows.BookRow, version: int) -> Withdrawn:
    """Returns what is left to say of an object that is there, but not public (any more)."""
    return Withdrawn(row.id, row.withdrawn or timezone.now(), row.reason, False, version)


def authors_shown(ids: Iterable[str]) -> dict[str, AuthorRef]:
    """Returns how authors are shown inside others, by id: one query."""
    found = rows.AUTHORS.rows(map(int, ids))
    return {str(row.id): AuthorRef(row.id, row.name, _url("author_detail", row.id)) for row in found}


def tags_shown(slugs: Iterable[str]) -> dict[str, tuple[int, TagRef]]:
    """Returns how tags are shown inside others, by slug, each with its place among them: one query."""
    found = enumerate(rows.TAGS.rows(slugs))
    return {row.id: (place, TagRef(row.id, row.name, _url("tag_detail", row.id))) for place, row in found}


def books_shown(ids: Iterable[str]) -> dict[str, BookRef]:
    """Returns how public books are shown inside their chapters, by id: one query."""
    return {
        str(row.id): BookRef(row.id, row.title, _url("book_detail", row.id))
        for row in rows.BOOKS.rows(map(int, ids))
        if row.state == Book.State.PUBLISHED
    }


def book_author(authorship: Authorship) -> BookAuthor:
    """Returns how an author is shown inside a book, by a row with its author."""
    author = authorship.author
    return BookAuthor(
        author.pk,
        author.name,
        author.get_absolute_url(),
        authorship.contribution,
        authorship.date_joined,
        authorship.order,
    )


def _url(view: str, id: Any) -> str:
    """Returns what get_absolute_url of the model says."""
    return _address(view, id, get_script_prefix(), get_urlconf())


@lru_cache(maxsize=4096)  # pages show the same again and again, and Django takes longer than for all else of a state
def _address(view: str, id: Any, prefix: str, urls: str | None) -> str:
    return reverse(view, args=[id])
