"""States: what the rows say, told and read alike; and never a version that is newer than what stands beside it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from blog.models import Author, Authorship, Book, Edition, Post, Publication, Tag
from blog.state import (
    AuthorRef,
    BookAuthor,
    BookRef,
    BookState,
    EditionRef,
    PostState,
    TagRef,
    author_states,
    book_states,
    desk_posts,
    post_states,
    publication_state,
    tag_states,
)
from blog.text.markdown import render
from realtime import kinds, log
from tests import cast
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def changed_after_each_query(change: Callable[[], None]) -> Iterator[None]:
    """Commits `change` on another connection between any two queries of the block."""

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


def a_full_post(state: str = "published") -> Post:
    """With a book of that state, tags whose order by name is not that of their ids, and two likes."""
    book = Book.objects.create(title="Harbour", state=state)
    post = cast.a_post(cast.ada(), book=book, chapter=2, pinned=True, text="It *held*.")
    post.tags.add(Tag.objects.create(name="tide"), Tag.objects.create(name="바다"), Tag.objects.create(name="Sea"))
    post.liked_by.add(cast.cleo(), cast.ben())
    return post


@pytest.mark.parametrize("state", ["published", "draft"])
def test_a_posts_state_is_what_its_rows_say(state):
    post = a_full_post(state)
    book, byline = post.book, post.byline
    assert book
    assert byline
    assert post_states(Post.objects.filter(pk=post.pk)) == [
        PostState(
            id=post.pk,
            url=post.get_absolute_url(),
            title=post.title,
            body=render(post.text),
            author=AuthorRef(byline.pk, byline.name, byline.get_absolute_url()),
            published_date=cast.NOON,
            updated=post.updated,
            tags=tuple(TagRef(tag.slug, tag.name, tag.get_absolute_url()) for tag in post.tags.order_by("name", "pk")),
            likes=2,
            book=BookRef(book.pk, book.title, book.get_absolute_url()) if state == "published" else None,
            chapter=2,
            pinned=True,
            key_event=False,
            urgent=False,
            state="published",
            version=log.versions([f"post.{post.pk}"])[f"post.{post.pk}"],
        )
    ]


def test_a_post_that_shows_nothing_of_others_has_a_state():
    post = cast.a_post(cast.ada())
    Author.objects.all().delete()
    (state,) = post_states(Post.objects.filter(pk=post.pk))
    assert (state.author, state.book, state.tags, state.likes) == (None, None, (), 0)


def a_full_book() -> Book:
    """By authors who are not named in the order of their ids, in its second edition."""
    book = Book.objects.create(title="Harbour")
    for order, name in enumerate(("Ben", "Ada")):
        Authorship.objects.create(book=book, author=Author.objects.create(name=name), order=2 - order)
    for number in (2, 1):
        Edition.objects.create(book=book, number=number, file=f"editions/harbour-{number}.epub")
    return book


def test_a_books_state_is_what_its_rows_say():
    book, other = a_full_book(), Book.objects.create(title="Other")
    edition = book.editions.get(number=2)
    rows = [book.authorship_set.get(author__name=name) for name in ("Ada", "Ben")]
    versions = log.versions([f"book.{each.pk}" for each in (book, other)])
    authors = tuple(
        BookAuthor(row.author.pk, row.author.name, row.author.get_absolute_url(), "", row.date_joined, row.order)
        for row in rows
    )
    shown = EditionRef(2, edition.file.url, edition.built)

    def state(row: Book, authors: tuple[BookAuthor, ...], edition: EditionRef | None) -> BookState:
        return BookState(
            id=row.pk,
            url=row.get_absolute_url(),
            slug=row.slug,
            title=row.title,
            authors=authors,
            edition=edition,
            version=versions[f"book.{row.pk}"],
        )

    assert book_states(Book.objects.order_by("title")) == [state(book, authors, shown), state(other, (), None)]


def test_what_is_told_is_what_is_read():
    post, book = a_full_post(), a_full_book()
    with captured_events() as events:
        post.save()
        book.save()
    states = {
        "post.updated": post_states(Post.objects.all()),
        "book.updated": book_states(Book.objects.filter(pk=book.pk)),
    }
    for event in events:
        assert [kinds.decode(kinds.get(event.kind), event.data)] == states[event.kind]
    assert len(events) == 2
