"""How a change of a book is told."""

from collections.abc import Iterable, Mapping, Sequence

from django.utils import timezone

from blog.events.net import net
from blog.models import Authorship, Book
from blog.state import AuthorsChanged, BookState, Withdrawn, book_states, withdrawn_state
from realtime.publish import Change, Draft

RELATION = "book.authors"


class BookSource:
    rank = 20

    def parts(self, ids: Sequence[str]) -> Iterable[str]:
        """The authors that the books name."""
        authors = Authorship.objects.filter(book__in=map(int, ids)).order_by().values_list("author_id", flat=True)
        return (f"author.{id}" for id in authors)

    def read(self, ids: Sequence[str], versions: Mapping[str, int]) -> Mapping[str, BookState]:
        by_pk = {int(id): version for id, version in versions.items()}
        public = Book.objects.filter(pk__in=ids, state=Book.State.PUBLISHED)
        return {str(state.id): state for state in book_states(public, by_pk)}

    def tell(self, change: Change) -> Iterable[Draft]:
        book: BookState | None = change.state
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


def _gone(change: Change) -> Withdrawn:
    book = Book.objects.filter(pk=change.id).first()
    if book is None:
        return Withdrawn(int(change.id), timezone.now(), "", True, change.version)
    return withdrawn_state(book, change.version)
