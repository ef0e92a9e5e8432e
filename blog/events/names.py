"""How a new name is told: an author's, a tag's, the publication's.

What many pages show is told once, on `site`, and patched in every place that shows it.
"""

from collections.abc import Iterable, Mapping, Sequence

from blog.models import Author, Tag
from blog.state import AuthorState, PublicationState, TagState, author_states, publication_state, tag_states
from realtime.publish import Change, Draft


class NameSource:
    """Something that is shown by its name inside others, and shows none itself."""

    kind: str

    def parts(self, ids: Sequence[str]) -> Iterable[str]:
        return ()

    def tell(self, change: Change) -> Iterable[Draft]:
        # its deletion is told by the objects that showed it
        if change.state is not None:
            yield Draft(self.kind, ["site", change.key], change.state)


class AuthorSource(NameSource):
    rank = 30
    kind = "author.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, AuthorState]:
        versions = {int(change.id): change.version for change in changes}
        return {str(state.id): state for state in author_states(Author.objects.filter(pk__in=versions), versions)}


class TagSource(NameSource):
    rank = 40
    kind = "tag.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, TagState]:
        versions = {change.id: change.version for change in changes}
        return {state.slug: state for state in tag_states(Tag.objects.filter(slug__in=versions), versions)}


class PublicationSource(NameSource):
    rank = 50
    kind = "publication.updated"

    def read(self, changes: Sequence[Change]) -> Mapping[str, PublicationState]:
        (change,) = changes
        return {"1": publication_state(change.version)}

    def tell(self, change: Change) -> Iterable[Draft]:
        yield Draft(self.kind, ["site"], change.state)
