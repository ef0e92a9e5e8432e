"""How books are live."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models.signals import pre_save

from blog.live.posts import note_posts
from blog.models import Book, Edition, Post
from blog.rows import BOOKS, Bound, bound
from blog.state import (
    BookRef,
    BookState,
    Withdrawn,
    book_author,
    book_state,
    books_shown,
    shown_by_book,
    withdrawn_state,
)
from realtime.live import Live, Relation, declare
from realtime.live.announced import bulk_changed
from realtime.live.receivers import on
from realtime.publish import Change


class Authors(Relation):
    """The authors of a book, each with what the authorship says of them."""

    def was(self, row: Any) -> Any:
        return book_author(row)


@declare
class BookLive(Live):
    """A book; its chapters name it only while it is public."""

    model = Book
    State = BookState
    Ref = BookRef
    topics = ("books", "book.{id}")
    relations = (Authors("authors"),)
    parts = {Edition: "book_id"}
    fragments = {
        "card": "blog/book/card.html",
        "heading": "blog/book/heading.html",
        "byline": "blog/book/byline.html",
        "name": "blog/book/name.html",
        "edition": "blog/book/edition.html",
    }
    tombstone = {"heading": "blog/book/tombstone.html"}

    def connect(self) -> None:
        super().connect()
        on(pre_save, Book, "the chapters of a book follow its state", self.state_moves)
        on(bulk_changed, Book, "the chapters of books follow their state", self.states_move)

    def state_moves(self, instance: Book, using: str, raw: bool = False, **kwargs: Any) -> None:
        if instance.pk is None or raw:
            return
        before = Book.objects.filter(pk=instance.pk).values_list("state", flat=True).first()
        if before is not None and before != instance.state:
            note_posts(Post.objects.filter(book=instance.pk), using)

    def states_move(self, pks: Iterable[Any], using: str, **kwargs: Any) -> None:
        note_posts(Post.objects.filter(book__in=pks), using)

    def read(self, changes: Sequence[Change]) -> Mapping[str, Bound]:
        return {str(each.book.id): each for each in bound(BOOKS.rows(int(change.id) for change in changes))}

    def embedded_keys(self, seen: Bound) -> Iterable[str]:
        return shown_by_book(seen)

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, BookRef]:
        return books_shown(ids)

    def state_of(self, seen: Bound, version: int, shown: Mapping[str, Any]) -> BookState:
        return book_state(seen, version, shown)

    def is_public(self, seen: Bound) -> bool:
        return seen.book.state == Book.State.PUBLISHED

    def gone(self, change: Change) -> Withdrawn:
        return withdrawn_state(change.state.book, change.version) if change.state else super().gone(change)

    def topics_of(self, state: BookState) -> list[str]:
        return [*super().topics_of(state), *(f"author.{author.id}" for author in state.authors)]
