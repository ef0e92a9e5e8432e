"""How a change of a book is told."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from blog.events.net import net
from blog.models import Book
from blog.rows import BOOKS, Bound, bound
from blog.state import (
    AuthorsChanged,
    BookRef,
    BookState,
    Withdrawn,
    book_state,
    books_shown,
    shown_by_book,
    withdrawn_state,
)
from realtime.publish import Change, NewEvent, StandaloneSource

RELATION = "book.authors"
AUTHORS = "book.authors.changed"


class BookSource(StandaloneSource):
    rank = 20

    def read(self, changes: Sequence[Change]) -> Mapping[str, Bound]:
        return {str(each.book.id): each for each in bound(BOOKS.rows(int(change.id) for change in changes))}

    def embedded_keys(self, state: Bound) -> Iterable[str]:
        """Its authors."""
        return shown_by_book(state)

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, BookRef]:
        return books_shown(ids)

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        seen: Bound | None = change.state
        was_public = change.known.kind not in ("", "book.withdrawn")
        if seen is None or seen.book.state != Book.State.PUBLISHED:
            if was_public:
                yield NewEvent("book.withdrawn", [change.key], _gone(change), scrub=True)
            return
        book = book_state(seen, change.version, change.embedded)
        topics = topics_of(book)
        if not was_public:
            kind = "book.restored" if change.known.kind == "book.withdrawn" else "book.published"
            yield NewEvent(kind, topics, book)
            return
        if "book.updated" in change.kinds:
            yield NewEvent("book.updated", topics, book)
        now = {author.id: author for author in book.authors}
        authors = net(change.before.get(AUTHORS, {}), now, AUTHORS in change.cleared)
        if authors:
            yield NewEvent(AUTHORS, topics, AuthorsChanged(RELATION, **vars(authors), book=book))


def topics_of(book: BookState) -> list[str]:
    """Where a public book lives."""
    return ["books", f"book.{book.id}", *(f"author.{author.id}" for author in book.authors)]


def _gone(change: Change) -> Withdrawn:
    if change.state is None:
        return Withdrawn(int(change.id), timezone.now(), "", True, change.version)
    return withdrawn_state(change.state.book, change.version)
