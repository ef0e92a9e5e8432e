"""An object's public state: what events carry *and* what pages render, so that both show the same.

Frozen dataclasses, encoded to JSON as they stand. Read from querysets in a constant number of
queries, whatever is on the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from blog.markdown import render
from blog.models import Author, Authorship, Book, Edition, Like, Post, Publication, Tag
from realtime import log


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
class Withdrawn:
    """What is left to say of something withdrawn: nothing of its text."""

    id: int
    withdrawn: datetime
    reason: str
    deleted: bool
    version: int


@dataclass(frozen=True)
class Likes:
    id: int
    likes: int
    version: int


@dataclass(frozen=True)
class TagsChanged:
    """The net effect of one transaction on a post's tags, and the post as it is now."""

    relation: str
    added: tuple[TagRef, ...]
    removed: tuple[TagRef, ...]
    changed: tuple[TagRef, ...]
    cleared: bool
    more: int
    post: PostState


@dataclass(frozen=True)
class AuthorsChanged:
    """The net effect of one transaction on a book's authors, and the book as it is now."""

    relation: str
    added: tuple[BookAuthor, ...]
    removed: tuple[BookAuthor, ...]
    changed: tuple[BookAuthor, ...]
    cleared: bool
    more: int
    book: BookState


def post_states(posts: "QuerySet[Post]") -> list[PostState]:
    """The states of posts, in the queryset's order: two queries."""
    return [post_state(row, row.announced) for row in post_rows(posts.annotate(announced=log.version_of("post")))]


def post_rows(posts: "QuerySet[Post]") -> "QuerySet[Any]":
    """Posts with all that `post_state` needs."""
    likes = Like.objects.filter(post=OuterRef("pk")).order_by().values("post")
    counted = likes.annotate(count=Count("pk")).values("count")
    return (
        posts.select_related("byline", "book")
        .prefetch_related(Prefetch("tags", Tag.objects.order_by("name", "pk"), to_attr="named_tags"))
        .annotate(like_count=Coalesce(Subquery(counted, output_field=IntegerField()), 0))
    )


def post_state(post: Any, version: int) -> PostState:
    """The state of one of the `post_rows`."""
    return PostState(
        id=post.pk,
        url=post.get_absolute_url(),
        title=post.title,
        body=render(post.text),
        author=author_ref(post.byline),
        published_date=post.published_date or post.created,
        updated=post.updated,
        tags=tuple(tag_ref(tag) for tag in post.named_tags),
        likes=post.like_count,
        book=book_ref(post.book),
        chapter=post.chapter,
        pinned=post.pinned,
        key_event=post.key_event,
        urgent=post.urgent,
        state=post.state,
        version=version,
    )


def book_states(books: "QuerySet[Book]") -> list[BookState]:
    """The states of books, in the queryset's order: three queries."""
    return [book_state(row, row.announced) for row in book_rows(books.annotate(announced=log.version_of("book")))]


def book_rows(books: "QuerySet[Book]") -> "QuerySet[Any]":
    """Books with all that `book_state` needs."""
    authorships = Authorship.objects.select_related("author").order_by("order", "pk")
    newest = Edition.objects.order_by("book_id", "-number").distinct("book_id")
    return books.prefetch_related(
        Prefetch("authorship_set", authorships, to_attr="authorships"), Prefetch("editions", newest, to_attr="newest")
    )


def book_state(book: Any, version: int) -> BookState:
    """The state of one of the `book_rows`."""
    edition = book.newest[0] if book.newest else None
    return BookState(
        id=book.pk,
        url=book.get_absolute_url(),
        slug=book.slug,
        title=book.title,
        authors=tuple(book_author(authorship) for authorship in book.authorships),
        edition=EditionRef(edition.number, edition.file.url, edition.built) if edition else None,
        version=version,
    )


def author_states(authors: "QuerySet[Author]", versions: Mapping[int, int] | None = None) -> list[AuthorState]:
    rows = authors.annotate(announced=log.version_of("author"))
    return [AuthorState(row.pk, row.name, row.get_absolute_url(), _version(row, row.pk, versions)) for row in rows]


def tag_states(tags: "QuerySet[Tag]", versions: Mapping[str, int] | None = None) -> list[TagState]:
    rows = tags.annotate(announced=log.version_of("tag", "slug"))
    return [TagState(row.slug, row.name, row.get_absolute_url(), _version(row, row.slug, versions)) for row in rows]


def publication_state(version: int | None = None) -> PublicationState:
    """The publication as it is; its defaults where nobody has named it yet."""
    if version is None:
        version = log.versions(["publication.1"]).get("publication.1", 0)
    row = Publication.objects.filter(pk=1).first() or Publication()
    return PublicationState(row.title, row.standfirst, render(row.summary), row.ended, version)


def desk_posts(posts: "QuerySet[Post]") -> list[DeskPost]:
    """How far unpublished posts got: one query."""
    rows = posts.select_related("byline").annotate(announced=log.version_of("post"))
    return [desk_post(row, row.announced) for row in rows]


def desk_post(post: Post, version: int) -> DeskPost:
    return DeskPost(post.pk, post.title, post.state, author_ref(post.byline), post.published_date, version)


def withdrawn_state(row: Post | Book, version: int) -> Withdrawn:
    """What is left to say of something that is not public (any more), but there."""
    return Withdrawn(row.pk, row.withdrawn or timezone.now(), row.reason, False, version)


def author_ref(author: Author | None) -> AuthorRef | None:
    return AuthorRef(author.pk, author.name, author.get_absolute_url()) if author else None


def book_ref(book: Book | None) -> BookRef | None:
    """The book of a chapter, where everyone may see that there is one."""
    if book is None or book.state != Book.State.PUBLISHED:
        return None
    return BookRef(book.pk, book.title, book.get_absolute_url())


def tag_ref(tag: Tag) -> TagRef:
    return TagRef(tag.slug, tag.name, tag.get_absolute_url())


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


def _version(row: Any, id: Any, versions: Mapping[Any, int] | None) -> int:
    """The version that is being announced, where one is; else the one read with the row."""
    return row.announced if versions is None else versions.get(id, 0)
