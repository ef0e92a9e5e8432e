"""How a new name is told: an author's, a tag's, the publication's.

What many pages show is told once, on `site`, and patched in every place that shows it.
"""

from collections.abc import Iterable, Mapping, Sequence

from blog.rows import AUTHORS, TAGS
from blog.state import (
    AuthorRef,
    AuthorState,
    PublicationState,
    TagRef,
    TagState,
    author_state,
    authors_shown,
    publication_state,
    tag_state,
    tags_shown,
)
from realtime.publish import Change, NewEvent, StandaloneSource


class NameSource(StandaloneSource):
    """Something that is shown by its name inside others, and shows none itself."""

    kind: str

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        # its deletion is told by the objects that showed it
        if change.state is not None:
            yield NewEvent(self.kind, ["site", change.key], change.state)


class AuthorSource(NameSource):
    rank = 30
    kind = "author.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, AuthorState]:
        versions = {int(change.id): change.version for change in changes}
        return {str(row.id): author_state(row, versions[row.id]) for row in AUTHORS.rows(versions)}

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, AuthorRef]:
        return authors_shown(ids)


class TagSource(NameSource):
    rank = 40
    kind = "tag.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, TagState]:
        versions = {change.id: change.version for change in changes}
        return {row.id: tag_state(row, versions[row.id]) for row in TAGS.rows(versions)}

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, tuple[int, TagRef]]:
        return tags_shown(ids)


class PublicationSource(NameSource):
    rank = 50
    kind = "publication.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, PublicationState]:
        (change,) = changes
        return {"1": publication_state(change.version)}

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        yield NewEvent(self.kind, ["site"], change.state)
