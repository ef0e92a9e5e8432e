"""Client frames: what a client may send, as types. A frame that fits none of them raises BadMessage."""

from typing import Literal

import msgspec

from consumers.wire.server_frames import Format


class BadMessage(ValueError):
    """A frame that is not one of the protocol's."""


class _Request(msgspec.Struct, tag_field="type", frozen=True):
    """One JSON object from a client. Unknown members are ignored; null means absent."""


class Hello(_Request, tag="hello", frozen=True):
    """Says who reads, and in which variant."""

    ticket: str | None = None
    format: Format | None = None
    language: str | None = None


class Subscribe(_Request, tag="subscribe", frozen=True):
    """Asks to follow topics, from a position on or from now on."""

    topics: list[str]
    since: str | None = None


class Unsubscribe(_Request, tag="unsubscribe", frozen=True):
    """Asks to follow topics no longer."""

    topics: list[str]


class Ping(_Request, tag="ping", frozen=True):
    """Asks for the position."""


class Here(_Request, tag="here", frozen=True):
    """Says that the reader is present on a topic, and what they do there."""

    topic: str
    state: Literal["viewing", "typing", "unsaved", "gone"]


Request = Hello | Subscribe | Unsubscribe | Ping | Here
_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def decode_request(text: str) -> Request:
    """Returns the request that a text frame holds. Raises BadMessage, nothing else."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadMessage(f"{error}.") from error
    except RecursionError as error:
        raise BadMessage("The object is nested too deep.") from error
    except UnicodeEncodeError as error:
        raise BadMessage("The frame holds half a surrogate pair.") from error
