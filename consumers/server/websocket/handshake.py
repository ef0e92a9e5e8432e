"""The opening handshake of RFC 6455 where it is what every client sends; all else is left to Daphne."""

import re
import string
from base64 import b64encode
from functools import lru_cache
from hashlib import sha1
from http import HTTPStatus
from typing import NamedTuple

from consumers.server.websocket.header_grammar import are_extensions
from consumers.wire.batch import WINDOW_BITS

LONGEST = 8192  # bytes of a head; cookies may make it longer, and then Daphne reads it
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
END = b"\r\n\r\n"

_TARGET = re.compile(rb"GET (/[\w\-./~]*)(?:\?([\x21\x24-\x7e]*))? HTTP/1\.1\r\n", re.ASCII)
_NAME = bytes(set(b"!#$%&'*+-.^`|~") | set((string.digits + string.ascii_letters).encode()))
_VALUE = bytes({0x09, *range(0x20, 0x7F), *range(0x80, 0x100)})
_HOST = re.compile(rb"(?:[\w\-.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_UPGRADE = re.compile(rb"(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)", re.IGNORECASE)
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in Base64
_ONCE = (b"host", b"sec-websocket-key", b"sec-websocket-version", b"upgrade", b"connection")
_ODD = (b"content-length", b"transfer-encoding", b"expect", b"daphne-root-path")


class Asked(NamedTuple):
    """A request for a WebSocket."""

    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    key: bytes
    offers: bytes  # Sec-WebSocket-Extensions
    subprotocols: list[str]


def read(data: bytes) -> Asked | None:
    """The request, if these bytes are a whole head, nothing but it, and nothing is odd about it."""
    target = _TARGET.match(data)
    if target is None or len(data) > LONGEST or data.find(END) != len(data) - len(END):
        return None
    fields = [line.partition(b":") for line in data[target.end() : -len(END)].split(b"\r\n")]
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in fields]
    named = dict(headers)
    if (
        len(named) != len(headers)
        or not all([colon for _, colon, _ in fields])
        or not _is_clean(named)
        or not _asks_for_a_socket(named)
    ):
        return None
    wanted = named.get(b"sec-websocket-protocol", b"").decode("latin-1")
    return Asked(
        target[1],
        target[2] or b"",
        headers,
        named[b"sec-websocket-key"],
        named.get(b"sec-websocket-extensions", b""),
        [name.strip() for name in wanted.split(",")] if wanted else [],
    )


def _is_clean(named: dict[bytes, bytes]) -> bool:
    """Whether there is no byte in it that has no place there. Deleting what is allowed is done in C."""
    names, values = b"".join(named), b"".join(named.values())
    return b"" not in named and not names.translate(None, _NAME) and not values.translate(None, _VALUE)


def _asks_for_a_socket(named: dict[bytes, bytes]) -> bool:
    return (
        all(map(named.__contains__, _ONCE))
        and not any(map(named.__contains__, _ODD))
        and named[b"upgrade"].lower() == b"websocket"
        and _UPGRADE.search(named[b"connection"]) is not None
        and named[b"sec-websocket-version"] == b"13"
        and _HOST.fullmatch(named[b"host"]) is not None
        and _KEY.fullmatch(named[b"sec-websocket-key"]) is not None
        and are_extensions(named.get(b"sec-websocket-extensions", b""))
    )


def accepted(key: bytes, extension: bytes, subprotocol: str | None) -> bytes:
    """The answer: 101."""
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        b64encode(sha1(key + GUID, usedforsecurity=False).digest()),
    ]
    if extension:
        lines += b"\r\nSec-WebSocket-Extensions: ", extension
    if subprotocol:
        lines += b"\r\nSec-WebSocket-Protocol: ", subprotocol.encode("latin-1")
    return b"".join([*lines, END])


def refused(status: int) -> bytes:
    """The answer of an application that does not want this socket, or failed."""
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


@lru_cache(maxsize=64)  # browsers and libraries have one each
def compression(offers: bytes) -> bytes:
    """What of the offers is accepted: permessage-deflate (RFC 7692) without a context; nothing if none will do.

    Each message is compressed by itself, in both directions, whether the client asked for that or not. A server
    may demand it (7.1.1), and so an event is compressed once for all.
    """
    for offer in offers.decode("latin-1").split(","):
        name, *parameters = [part.strip() for part in offer.split(";")]
        if name == "permessage-deflate" and (answer := _answer(parameters)) is not None:
            return answer.encode()
    return b""


def _answer(parameters: list[str]) -> str | None:
    """None where a parameter is not one of the RFC's, comes twice, or leaves us too small a window."""
    window = None
    seen = set()
    for parameter in parameters:
        name, equals, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"')
        if name in seen or not _fits(name, bool(equals), value):
            return None
        seen.add(name)
        if name == "server_max_window_bits":
            window = int(value)
    if window is not None and window < WINDOW_BITS:
        return None
    bits = f"; server_max_window_bits={window}" if window is not None else ""
    return f"permessage-deflate; server_no_context_takeover{bits}; client_no_context_takeover"


def _fits(name: str, valued: bool, value: str) -> bool:
    bits = {str(number) for number in range(8, 16)}
    if name == "server_max_window_bits":
        return value in bits
    if name == "client_max_window_bits":
        return not valued or value in bits
    return name in ("server_no_context_takeover", "client_no_context_takeover") and not valued
