"""The opening handshake of RFC 6455, section 4.2: what a client asks for, and the answers.

`read` takes what clients usually send straight from its bytes. Whatever else asks for a WebSocket is parsed by
Twisted's HTTP first and comes to `judge`: so there is one reading of an unusual head, the one that pages have, too.
"""

import re
import string
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha1
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote

from consumers.server.websocket import header_grammar
from consumers.wire.batch import WINDOW_BITS

MAX_USUAL_BYTES = 8192  # of a head that `read` takes; cookies may make one longer
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VERSION = b"13"
END = b"\r\n\r\n"

_TARGET = re.compile(rb"GET (/[\w\-./~]*)(?:\?([\x21\x24-\x7e]*))? HTTP/1\.1\r\n", re.ASCII)
_NAME = bytes(set(b"!#$%&'*+-.^`|~") | set((string.digits + string.ascii_letters).encode()))
_VALUE = bytes({0x09, *range(0x20, 0x7F), *range(0x80, 0x100)})
_HOST = re.compile(rb"(?:[\w\-.]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_UPGRADE = re.compile(rb"(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)", re.IGNORECASE)
_ONCE = (b"host", b"sec-websocket-key", b"sec-websocket-version", b"upgrade", b"connection")
_LISTS = (b"sec-websocket-extensions", b"sec-websocket-protocol")
_UNUSUAL = (b"content-length", b"transfer-encoding", b"expect", b"daphne-root-path")

Fields = list[tuple[bytes, bytes]]  # names in lower case, and values


class HandshakeRequest(NamedTuple):
    """A request for a WebSocket that may be granted."""

    raw_path: bytes
    query: bytes
    headers: Fields
    key: bytes
    extension: bytes  # what of the offers is accepted; nothing if none
    subprotocols: list[str]

    @property
    def path(self) -> str:
        """The path without escapes, as ASGI has it."""
        return unquote(self.raw_path.decode("ascii"))


class HandshakeError(Exception):
    """A request for a WebSocket that is refused; `answer` is what its client is sent."""

    def __init__(self, status: int, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.answer = refused(status, sentence, *headers)


# --- a usual head


def parse_request(head: bytes) -> HandshakeRequest | None:
    """Returns the request of a whole head, or None where anything about it is unusual."""
    target = _TARGET.match(head)
    if target is None or len(head) > MAX_USUAL_BYTES or not head.endswith(END):
        return None
    lines = [line.partition(b":") for line in head[target.end() : -len(END)].split(b"\r\n")]
    headers = [(name.lower(), value.strip(b" \t")) for name, _, value in lines]
    named = dict(headers)
    if (
        len(named) != len(headers)
        or not all([colon for _, colon, _ in lines])
        or not _is_clean(named)
        or not _is_usual(named)
    ):
        return None
    return _request(target[1], target[2] or b"", headers, named)


def _request(path: bytes, query: bytes, headers: Fields, named: dict[bytes, bytes]) -> HandshakeRequest:
    extension = compression(named.get(b"sec-websocket-extensions", b""))
    wanted = named.get(b"sec-websocket-protocol", b"").decode("latin-1")
    subprotocols = [name.strip() for name in wanted.split(",")] if wanted else []
    return HandshakeRequest(path, query, headers, named[b"sec-websocket-key"], extension, subprotocols)


def _is_clean(named: dict[bytes, bytes]) -> bool:
    """Returns whether every byte has a place where it is. Deleting what is allowed is done in C."""
    names, values = b"".join(named), b"".join(named.values())
    return b"" not in named and not names.translate(None, _NAME) and not values.translate(None, _VALUE)


def _is_usual(named: dict[bytes, bytes]) -> bool:
    return (
        all(map(named.__contains__, _ONCE))
        and not any(map(named.__contains__, _UNUSUAL))
        and named[b"upgrade"].lower() == b"websocket"
        and _UPGRADE.search(named[b"connection"]) is not None
        and named[b"sec-websocket-version"] == VERSION
        and _HOST.fullmatch(named[b"host"]) is not None
        and header_grammar.is_key(named[b"sec-websocket-key"])
        and header_grammar.are_extensions(named.get(b"sec-websocket-extensions", b""))
    )


# --- any other head


def is_requested(headers: Fields) -> bool:
    """Returns whether a request asks for a WebSocket: `Upgrade` is a list, and may come in several lines."""
    return b"websocket" in _tokens(headers, b"upgrade")


def judge(method: bytes, target: bytes, version: bytes, headers: Fields, has_body: bool) -> HandshakeRequest:
    """Returns the request that HTTP's parser found. Raises HandshakeError where RFC 6455, 4.2.1, or HTTP forbids it."""
    if version != b"HTTP/1.1":
        raise HandshakeError(400, "A WebSocket is opened over HTTP/1.1.")
    if method != b"GET":
        raise HandshakeError(405, "" if method == b"HEAD" else "A WebSocket is opened with GET.", ("Allow", "GET"))
    if has_body:
        raise HandshakeError(400, "The request for a WebSocket has no body.")
    path, query, headers = _located(target, headers)
    if b"upgrade" not in _tokens(headers, b"connection"):
        raise HandshakeError(400, "Connection does not name Upgrade.")
    _check_version(_values(headers, b"sec-websocket-version"))
    keys = _values(headers, b"sec-websocket-key")
    if len(keys) != 1 or not header_grammar.is_key(keys[0]):
        raise HandshakeError(400, "Sec-WebSocket-Key is not 16 bytes in Base64, once.")
    joined = {name: b",".join(_values(headers, name)) for name in _LISTS}
    if not header_grammar.are_extensions(joined[b"sec-websocket-extensions"]):
        raise HandshakeError(400, "Sec-WebSocket-Extensions is not a list of extensions.")
    return _request(path, query, headers, {**joined, b"sec-websocket-key": keys[0]})


def _located(target: bytes, headers: Fields) -> tuple[bytes, bytes, Fields]:
    """Returns path, query and headers. A host in the target stands for the one in `Host` (RFC 9112, 3.2.2)."""
    hosts = _values(headers, b"host")
    if len(hosts) != 1 or not header_grammar.is_host(hosts[0]):
        raise HandshakeError(400, "Host does not name one host.")
    found = header_grammar.TARGET.fullmatch(target)
    if found is None or not (found["path"] or found["host"]):
        raise HandshakeError(400, "The target of the request is not a path or an http address.")
    if found["host"] is not None:
        headers = [(name, found["host"] if name == b"host" else value) for name, value in headers]
    return found["path"] or b"/", found["query"] or b"", headers


def _check_version(versions: list[bytes]) -> None:
    """Raises HandshakeError that names our version (4.4), with 426 where the client's is another."""
    if versions == [VERSION]:
        return
    ours = ("Sec-WebSocket-Version", VERSION.decode())
    if len(versions) == 1 and header_grammar.is_version(versions[0]):
        raise HandshakeError(426, "Only version 13 is spoken here.", ("Upgrade", "websocket"), ours)
    raise HandshakeError(400, "Sec-WebSocket-Version is not one number.", ours)


def _values(headers: Fields, wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _tokens(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [each.strip(b" \t").lower() for name, value in headers if name == wanted for each in value.split(b",")]


# --- the answers


def accepted(key: bytes, extension: bytes, subprotocol: str | None) -> bytes:
    """Returns the answer that opens the WebSocket: 101."""
    lines = [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
        b64encode(sha1(key + GUID, usedforsecurity=False).digest()),
    ]
    if extension:
        lines += b"\r\nSec-WebSocket-Extensions: ", extension
    if subprotocol:
        lines += b"\r\nSec-WebSocket-Protocol: ", subprotocol.encode("latin-1")
    return b"".join([*lines, END])


def refused(status: int, sentence: str = "", *headers: tuple[str, str]) -> bytes:
    """Returns an answer that opens none, with a sentence for people as its body."""
    body = f"{sentence}\n" if sentence else ""
    sent = [
        ("Connection", "close, Upgrade" if status == HTTPStatus.UPGRADE_REQUIRED else "close"),
        *headers,
        *([("Content-Type", "text/plain")] if body else []),
        ("Content-Length", str(len(body))),
    ]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in sent)]
    return ("\r\n".join([*lines, "", ""]) + body).encode()


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
