"""What is wrong with a handshake that Daphne passes on as a right one: it gives autobahn a head of its own making."""

import re
from functools import lru_cache
from typing import Any

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SPACE = rb"[ \t]*"
_PARAMETER = rb"%b;%b%b(?:%b=%b(?:%b|\"%b\"))?" % (_SPACE, _SPACE, _TOKEN, _SPACE, _SPACE, _TOKEN, _TOKEN)
_EXTENSION = re.compile(rb"%b(?:%b)*" % (_TOKEN, _PARAMETER))
# RFC 9112, 3.2; Daphne takes a path without its slash, and autobahn loses what stands behind a semicolon
_TARGET = re.compile(rb"(?:/|https?://[^/])[^;?]*(?:\?.*)?", re.IGNORECASE | re.DOTALL)
_VERSION = re.compile(rb"0|[1-9][0-9]{0,2}")  # RFC 6455, 4.1; autobahn takes 013 for 13


def is_handshake(headers: Any) -> bool:
    """Whether the request asks for a WebSocket. Daphne looks for `websocket` alone; it may stand in a list."""
    asked = b",".join(headers.getRawHeaders(b"Upgrade", ())).lower()
    return b"websocket" in map(bytes.strip, asked.split(b","))


def is_invalid_handshake(target: bytes, version: bytes, headers: Any, body: int) -> bool:
    """Whether this is no handshake: of another HTTP, with a body, for two hosts, or with words that do not parse."""
    return (
        not _TARGET.fullmatch(target)
        or version != b"HTTP/1.1"
        or body > 0
        or len(headers.getRawHeaders(b"Host", ())) != 1
        or not all(map(_VERSION.fullmatch, headers.getRawHeaders(b"Sec-WebSocket-Version", ())))
        or not are_extensions(b",".join(headers.getRawHeaders(b"Sec-WebSocket-Extensions", ())))
    )


@lru_cache(maxsize=64)  # browsers and libraries have one each
def are_extensions(offers: bytes) -> bool:
    """Whether this is a list of extensions (RFC 6455, 9.1); it may have holes (RFC 9110, 5.6.1.2).

    A comma is in none of them, not in quotes either. One pattern for the whole list would try each blank
    between two commas on either side of a hole: seconds for 50 bytes, and four times that for four more.
    """
    listed = (offer.strip(b" \t") for offer in offers.split(b","))
    return all(not offer or _EXTENSION.fullmatch(offer) for offer in listed)
