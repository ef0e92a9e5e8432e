"""What a client may send, as types: whatever does not fit them is one BadMessage with a sentence."""

from typing import Literal

import msgspec

from consumers.wire.server_frames import Format


class BadMessage(ValueError):
    """A frame that is not one of the protocol's."""


class _Request(msgspec.Struct, tag_field="type", frozen=True):
    """One JSON object from a client. Unknown members are ignored; null means absent."""


class Hello(_Request, tag="hello", frozen=True):
    ticket: str | None = None
    format: Format | None = None
    language: str | None = None


class Subscribe(_Request, tag="subscribe", frozen=True):
    topics: list[str]
    since: str | None = None


class Unsubscribe(_Request, tag="unsubscribe", frozen=True):
    topics: list[str]


class Ping(_Request, tag="ping", frozen=True):
    pass


class Here(_Request, tag="here", frozen=True):
    topic: str
    state: Literal["viewing", "typing", "unsaved", "gone"]


Request = Hello | Subscribe | Unsubscribe | Ping | Here
_decoder: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)


def decode(text: str) -> Request:
    """The request that a text frame holds. Raises BadMessage, nothing else."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise BadMessage(f"{error}.") from error
    except RecursionError as error:
        raise BadMessage("The object is nested too deep.") from error
    except UnicodeEncodeError as error:
        raise BadMessage("The frame holds half a surrogate pair.") from error
