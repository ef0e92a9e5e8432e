"""How a change of a book is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.utils import timezone

from blog.events.net import net
from blog.models import Book
from blog.rows import AUTHORS_OF_BOOKS, BOOKS, BookRow
from blog.state import AuthorsChanged, BookState, Withdrawn, books_of, withdrawn_state
from realtime.publish import Change, Draft

RELATION = "book.authors"


@dataclass(frozen=True)
class Seen:
    """A book under its lock: its row, and what everyone sees, if anything."""

    row: BookRow
    public: BookState | None


class BookSource:
    rank = 20

    def parts(self, ids: Sequence[str]) -> Iterable[str]:
        """The authors that the books name."""
        return (f"author.{id}" for id in AUTHORS_OF_BOOKS.rows(map(int, ids)))

    def read(self, changes: Sequence[Change]) -> Mapping[str, Seen]:
        versions = {int(change.id): change.version for change in changes}
        rows = BOOKS.rows(versions)
        public = {book.id: book for book in books_of([row for row in rows if _is_public(row)], versions)}
        return {str(row.id): Seen(row, public.get(row.id)) for row in rows}

    def tell(self, change: Change) -> Iterable[Draft]:
        book: BookState | None = change.state and change.state.public
        was_public = change.known.kind not in ("", "book.withdrawn")
        if book is None:
            if was_public:
                yield Draft("book.withdrawn", [change.key], _gone(change), scrub=True)
            return
        topics = topics_of(book)
        if not was_public:
            kind = "book.restored" if change.known.kind == "book.withdrawn" else "book.published"
            yield Draft(kind, topics, book)
            return
        if "book.updated" in change.kinds:
            yield Draft("book.updated", topics, book)
        authors = net(change.before.get("book.authors.changed", {}), {author.id: author for author in book.authors})
        if authors:
            yield Draft("book.authors.changed", topics, AuthorsChanged(RELATION, **vars(authors), book=book))


def topics_of(book: BookState) -> list[str]:
    """Where a public book lives."""
    return ["books", f"book.{book.id}", *(f"author.{author.id}" for author in book.authors)]


def _is_public(row: BookRow) -> bool:
    return row.state == Book.State.PUBLISHED


def _gone(change: Change) -> Withdrawn:
    if change.state is None:
        return Withdrawn(int(change.id), timezone.now(), "", True, change.version)
    return withdrawn_state(change.state.row, change.version)
