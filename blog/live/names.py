"""How authors, tags and the publication are live: by their names, which show inside others."""

from collections.abc import Mapping, Sequence
from typing import Any

from blog.models import Author, Publication, Tag
from blog.rows import AUTHORS, TAGS, NameRow
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
from realtime.live import NamedLive, declare
from realtime.publish import Change


@declare
class AuthorLive(NamedLive):
    model = Author
    State = AuthorState
    Ref = AuthorRef
    topics = ("site", "author.{id}")
    fragments = {"name": "blog/author/name.html"}

    def read(self, changes: Sequence[Change]) -> Mapping[str, NameRow]:
        return {str(row.id): row for row in AUTHORS.rows(int(change.id) for change in changes)}

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, AuthorRef]:
        return authors_shown(ids)

    def state_of(self, seen: NameRow, version: int, shown: Mapping[str, Any]) -> AuthorState:
        return author_state(seen, version)


@declare
class TagLive(NamedLive):
    model = Tag
    id_field = "slug"
    State = TagState
    Ref = TagRef
    topics = ("site", "tag.{slug}")
    fragments = {"name": "blog/tag/name.html"}

    def read(self, changes: Sequence[Change]) -> Mapping[str, NameRow]:
        return {row.id: row for row in TAGS.rows(change.id for change in changes)}

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, tuple[int, TagRef]]:
        return tags_shown(ids)

    def state_of(self, seen: NameRow, version: int, shown: Mapping[str, Any]) -> TagState:
        return tag_state(seen, version)


@declare
class PublicationLive(NamedLive):
    """The publication itself, which has its defaults where nobody has named it yet."""

    model = Publication
    State = PublicationState
    Ref = None
    topics = ("site",)
    fragments = {"masthead": "blog/publication/masthead.html", "summary": "blog/publication/summary.html"}

    def read(self, changes: Sequence[Change]) -> Mapping[str, PublicationState]:
        (change,) = changes
        return {change.id: publication_state(change.version)}

    def state_of(self, seen: PublicationState, version: int, shown: Mapping[str, Any]) -> PublicationState:
        return seen
