"""Queries: the parameters of a stream and of the log, as types. docs/protocol.md says what each asks for."""

from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from django.conf import settings
from django.utils.translation import get_supported_language_variant
from msgspec import Meta

from consumers.wire.server_frames import JSON, Format, Variant

MAX_LIMIT = 1000  # events that an answer may be asked for
MAX_WAIT_SECONDS = 25  # seconds that an answer may be kept back; proxies give up at 30
MAX_OTHER_PARAMETERS = 100  # of one request, besides its topics


class BadQuery(ValueError):
    """A query whose parameters fit no type, with a sentence that says which."""


class StreamQuery(msgspec.Struct, frozen=True):
    """The query of a stream. Unknown parameters are ignored; of one that comes twice the last counts."""

    topic: Annotated[list[str], Meta(min_length=1)]
    here: list[str] = []
    since: str | None = None
    format: Format = "json"
    language: str | None = None
    compact: bool = True

    @property
    def variant(self) -> Variant:
        """The variant in which events are asked for."""
        return Variant("html", language_of(self.language)) if self.format == "html" else JSON


class LogQuery(StreamQuery, frozen=True):
    """The query of the log: how many events at most, and how long the answer may be kept back, in seconds."""

    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = 200
    wait: Annotated[float, Meta(ge=0, le=MAX_WAIT_SECONDS)] = 0


Q = TypeVar("Q", bound=StreamQuery)


def decode_query(query: bytes, shape: type[Q]) -> Q:
    """Returns the query as its type. Raises BadQuery, nothing else."""
    try:
        pairs = parse_qsl(
            query.decode("latin-1"),
            keep_blank_values=True,
            max_num_fields=settings.LIVE_MAX_TOPICS + MAX_OTHER_PARAMETERS,
        )
    except ValueError as error:
        raise BadQuery("There are too many parameters.") from error
    asked: dict[str, Any] = dict(pairs)
    for repeated in "topic", "here":
        asked[repeated] = [value for name, value in pairs if name == repeated]
    try:
        return msgspec.convert(asked, shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadQuery(f"{error}.") from error


def language_of(asked: str | None) -> str:
    """Returns the language of fragments: the one asked for if the site has it, else the site's."""
    try:
        return str(get_supported_language_variant(asked or settings.LANGUAGE_CODE))
    except LookupError:
        return str(settings.LANGUAGE_CODE)
