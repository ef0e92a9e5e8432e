"""An object's public state: what events carry *and* what pages render, so that both show the same.

Frozen dataclasses, encoded to JSON as they stand. Read from querysets in a constant number of
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

Shown = Mapping[str, Any]  # by key: how what an object shows of others is shown


@dataclass(frozen=True)
class AuthorRef:
    id: int
    name: str
    url: str


@dataclass(frozen=True)
class TagRef:
    slug: str
    name: str
    url: str


@dataclass(frozen=True)
class BookRef:
    id: int
    title: str
    url: str


@dataclass(frozen=True)
class EditionRef:
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
    id: int
    url: str
    slug: str
    title: str
    authors: tuple[BookAuthor, ...]
    edition: EditionRef | None
    version: int


@dataclass(frozen=True)
class AuthorState:
    id: int
    name: str
    url: str
    version: int


@dataclass(frozen=True)
class TagState:
    slug: str
    name: str
    url: str
    version: int


@dataclass(frozen=True)
class PublicationState:
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
    id: int
    likes: int
    version: int


def post_states(posts: "QuerySet[Post]") -> list[PostState]:
    """The states of posts, in the queryset's order: a query, and one for each family of what they show."""
    found = [rows.PostRow(*row) for row in rows.posts(posts, log.version_of("post"))]
    shown = load_embedded(key for row in found for key in shown_by_post(row))
    return [post_state(row, row.announced, shown) for row in found]


def post_state(post: rows.PostRow, version: int, shown: Shown) -> PostState:
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
    """The keys of what a post shows of others."""
    if post.byline is not None:
        yield f"author.{post.byline}"
    if post.book is not None:
        yield f"book.{post.book}"
    yield from (f"tag.{slug}" for slug in post.tags)


def book_states(books: "QuerySet[Book]") -> list[BookState]:
    """The states of books, in the queryset's order: four queries."""
    found = rows.bound([rows.BookRow(*row) for row in rows.books(books, log.version_of("book"))])
    shown = load_embedded(key for each in found for key in shown_by_book(each))
    return [book_state(each, each.book.announced, shown) for each in found]


def book_state(bound: rows.Bound, version: int, shown: Shown) -> BookState:
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
    return (f"author.{row.author}" for row in bound.authorships)


def author_states(authors: "QuerySet[Author]") -> list[AuthorState]:
    found = (rows.NameRow(*row) for row in rows.names(authors, log.version_of("author")))
    return [author_state(row, row.announced) for row in found]


def author_state(author: rows.NameRow, version: int) -> AuthorState:
    return AuthorState(author.id, author.name, _url("author_detail", author.id), version)


def tag_states(tags: "QuerySet[Tag]") -> list[TagState]:
    found = (rows.NameRow(*row) for row in rows.tags(tags, log.version_of("tag", "slug")))
    return [tag_state(row, row.announced) for row in found]


def tag_state(tag: rows.NameRow, version: int) -> TagState:
    return TagState(tag.id, tag.name, _url("tag_detail", tag.id), version)


def publication_state(version: int | None = None) -> PublicationState:
    """The publication as it is; its defaults where nobody has named it yet."""
    if version is None:
        version = log.versions(["publication.1"]).get("publication.1", 0)
    row = Publication.objects.filter(pk=1).first() or Publication()
    return PublicationState(row.title, row.standfirst, render(row.summary), row.ended, version)


def desk_posts(posts: "QuerySet[Post]") -> list[DeskPost]:
    """How far unpublished posts got: two queries."""
    found = [rows.DeskRow(*row) for row in rows.desk(posts, log.version_of("post"))]
    shown = load_embedded(f"author.{row.byline}" for row in found if row.byline is not None)
    return [desk_post(row, row.announced, shown) for row in found]


def desk_post(post: rows.DeskRow | rows.PostRow, version: int, shown: Shown) -> DeskPost:
    return DeskPost(post.id, post.title, post.state, shown.get(f"author.{post.byline}"), post.published_date, version)


def withdrawn_state(row: Post | Book | rows.PostRow | rows.BookRow, version: int) -> Withdrawn:
    """What is left to say of something that is not public (any more), but there."""
    return Withdrawn(row.id, row.withdrawn or timezone.now(), row.reason, False, version)


def authors_shown(ids: Iterable[str]) -> dict[str, AuthorRef]:
    """How authors are shown inside others: one query."""
    found = rows.AUTHORS.rows(map(int, ids))
    return {str(row.id): AuthorRef(row.id, row.name, _url("author_detail", row.id)) for row in found}


def tags_shown(slugs: Iterable[str]) -> dict[str, tuple[int, TagRef]]:
    """How tags are shown inside others, each with its place among them: one query."""
    found = enumerate(rows.TAGS.rows(slugs))
    return {row.id: (place, TagRef(row.id, row.name, _url("tag_detail", row.id))) for place, row in found}


def books_shown(ids: Iterable[str]) -> dict[str, BookRef]:
    """How books are shown inside their chapters, where everyone may see that there is one: one query."""
    return {
        str(row.id): BookRef(row.id, row.title, _url("book_detail", row.id))
        for row in rows.BOOKS.rows(map(int, ids))
        if row.state == Book.State.PUBLISHED
    }


def book_author(authorship: Authorship) -> BookAuthor:
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
    """As get_absolute_url of the model says it."""
    return _address(view, id, get_script_prefix(), get_urlconf())


@lru_cache(maxsize=4096)  # pages show the same again and again, and Django takes longer than for all else of a state
def _address(view: str, id: Any, prefix: str, urls: str | None) -> str:
    return reverse(view, args=[id])
