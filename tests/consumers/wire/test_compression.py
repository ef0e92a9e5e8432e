"""permessage-deflate (RFC 7692), byte for byte: compressed once for all, bounded when it comes from a client."""

import base64
import json
import os
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from consumers.wire.batch import deflated, framed
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.consumers.written import write
from tests.waiting import PATIENCE

BROWSER = "permessage-deflate; client_max_window_bits"
LIBRARY = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
MEGABYTE = 1024 * 1024
TEXT = "All night it held, and in the morning the tide was out. " * 20


class WireCapture:
    """A client's end of a WebSocket, frame by frame."""

    def __init__(self, edge: Edge, offer: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        extension = f"Sec-WebSocket-Extensions: {offer}\r\n" if offer else ""
        self.socket.sendall(
            f"GET /live/socket HTTP/1.1\r\nHost: {edge.origin[7:]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{extension}\r\n".encode()
        )
        self._stream = self.socket.makefile("rb")
        self.answer = "".join(iter(lambda: self._stream.readline().decode(), "\r\n"))

    def frame(self) -> tuple[int, bytes]:
        """The first byte of the next frame, and its payload."""
        first, size = self._stream.read(2)
        if size == 126:
            (size,) = struct.unpack("!H", self._stream.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._stream.read(8))
        return first, self._stream.read(size)

    def send(self, first: int, payload: bytes) -> None:
        """Masked, with a mask of zeros."""
        size = bytes((0x80 | len(payload),)) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
        self.socket.sendall(bytes((first,)) + size + b"\0\0\0\0" + payload)

    def follow(self, topic: str) -> None:
        self.send(0x81, json.dumps({"type": "subscribe", "topics": [topic]}).encode())
        while b'"subscribed"' not in self.frame()[1]:
            pass

    def close(self) -> None:
        self.socket.close()


def inflated(payload: bytes) -> dict[str, Any]:
    """By itself alone: nothing of what came before is needed."""
    inflate = zlib.decompressobj(-12)
    return dict(json.loads(inflate.decompress(payload) + inflate.decompress(b"\x00\x00\xff\xff")))


def compressed(text: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


def peak(edge: Edge) -> int:
    """The most memory that the process has had, in bytes."""
    status = Path(f"/proc/{edge.process.pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


@pytest.fixture
def connect(edge: Edge) -> Iterator[Callable[..., WireCapture]]:
    wires: list[WireCapture] = []

    def one(offer: str = "") -> WireCapture:
        wires.append(WireCapture(edge, offer))
        return wires[-1]

    yield one
    for wire in wires:
        wire.close()


@pytest.mark.parametrize("offer", [BROWSER, LIBRARY, "permessage-deflate; server_max_window_bits=9, " + BROWSER])
def test_neither_side_keeps_a_context(connect: Callable[..., WireCapture], offer: str):
    answer = connect(offer).answer
    assert "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover" in answer
    assert "; client_no_context_takeover" in answer
    assert ("server_max_window_bits=12" in answer) == (offer == LIBRARY)


@pytest.mark.parametrize("offer", ["", "x-webkit-deflate-frame", "permessage-deflate; server_max_window_bits=9"])
def test_who_does_not_offer_it_gets_plain_frames(connect: Callable[..., WireCapture], offer: str):
    wire = connect(offer)
    assert "Extensions" not in wire.answer
    wire.follow("tag.plain")
    write(("tag.plain", ["tag.plain"], []), text=TEXT)
    first, payload = wire.frame()
    assert (first, json.loads(payload)["data"]["name"]) == (0x81, TEXT)


def test_everybody_gets_the_same_bytes(connect: Callable[..., WireCapture]):
    wires = [connect(BROWSER), connect(LIBRARY)]
    for wire in wires:
        wire.follow("tag.same")
    for text in (TEXT, "tide"):
        write(("tag.same", ["tag.same"], []), text=text)
        (first, payload), other = [wire.frame() for wire in wires]
        assert other == (first, payload)
        assert first == (0xC1 if text == TEXT else 0x81), "a short one is not worth it"
        assert (inflated(payload) if first == 0xC1 else json.loads(payload))["data"]["name"] == text
    assert len(deflated(TEXT.encode())) < len(framed(TEXT.encode())) / 5


def test_a_client_may_compress_what_it_says(connect: Callable[..., WireCapture]):
    wire = connect(BROWSER)
    for topic in ("tag.a", "tag.b"):
        wire.send(0xC1, compressed(json.dumps({"type": "subscribe", "topics": [topic]}).encode()))
    assert [json.loads(wire.frame()[1])["type"] for _ in range(3)] == ["welcome", "subscribed", "subscribed"]


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_bomb_is_not_inflated(connect: Callable[..., WireCapture], edge: Edge, cleo: Reader, pieces: int):
    wire = connect(BROWSER)
    wire.frame()
    bomb, before = compressed(b" " * 60 * MEGABYTE), peak(edge)
    assert len(bomb) < 64 * 1024
    size = -(-len(bomb) // pieces)
    for number in range(pieces):
        last = 0x80 if number == pieces - 1 else 0
        wire.send(last | (0x41 if number == 0 else 0), bomb[number * size : (number + 1) * size])
    first, payload = wire.frame()
    assert (first, struct.unpack("!H", payload[:2])[0]) == (0x88, 4509)
    assert peak(edge) - before < 20 * MEGABYTE
    assert cleo.is_told_nothing()


def test_what_cannot_be_inflated_is_an_error_of_the_transport(connect: Callable[..., WireCapture]):
    wire = connect(BROWSER)
    wire.frame()
    wire.send(0xC1, b"\xff\xff\xff\xff")
    first, payload = wire.frame()
    assert (first, struct.unpack("!H", payload[:2])[0]) == (0x88, 1007)


def test_an_ordinary_client_reads_it(cleo: Reader, edge: Edge):
    with closing(edge.connect(compression=None)) as plain:
        for reader in (cleo, plain):
            reader.subscribe("tag.both")
        write(("tag.both", ["tag.both"], []), text=TEXT)
        assert cleo.hear() == plain.hear()
