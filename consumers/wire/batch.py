"""A burst: frames that go out together, as the bytes that each sort of connection carries."""

import struct
import zlib
from collections.abc import Callable, Sequence
from enum import Enum

from consumers.wire.event_stream import block

WINDOW = 12  # bits: 4 KiB that a text may refer back to. Some clients ask for no more, and all get the same bytes
SMALL = 256  # bytes: what a shorter frame would save is not worth anybody's inflating
LEVEL = 1  # the fastest: it is made on the loop


class Wire(Enum):
    """How a connection carries frames."""

    __hash__ = object.__hash__  # Enum's hashes the name, in Python, ten times for each who connects

    FRAMES = "WebSocket frames"
    DEFLATED = "WebSocket frames, the longer ones compressed"
    CHUNKS = "blocks in chunks of HTTP/1.1"
    BLOCKS = "blocks"  # HTTP/1.0 knows no chunks


def framed(payload: bytes, first: int = 0x81) -> bytes:
    """The payload as one unmasked WebSocket frame (RFC 6455, 5.2); by default text, and all of it."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def deflated(text: bytes) -> bytes:
    """The same, compressed by itself alone, so that it is the same to everybody (RFC 7692, 7.2.1)."""
    if len(text) < SMALL:
        return framed(text)
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW)
    payload = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return framed(payload[:-4], 0xC1)


def _frames(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(framed, texts))


def _deflated(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(deflated, texts))


def _blocks(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(block, texts))


def _chunk(texts: Sequence[bytes]) -> bytes:
    """The blocks as one chunk (RFC 9112, 7.1). None of no bytes: it would be the last."""
    blocks = _blocks(texts)
    return b"%x\r\n%b\r\n" % (len(blocks), blocks) if blocks else b""


_MAKE: dict[Wire, Callable[[Sequence[bytes]], bytes]] = {
    Wire.FRAMES: _frames,
    Wire.DEFLATED: _deflated,
    Wire.CHUNKS: _chunk,
    Wire.BLOCKS: _blocks,
}


class Burst:
    """Frames that go out together; the same object, and so the same bytes, to every reader."""

    __slots__ = ("_made", "texts")

    def __init__(self, texts: Sequence[bytes]) -> None:
        self.texts = texts
        self._made: dict[Wire, bytes] = {}

    def on(self, wire: Wire) -> bytes:
        """The bytes of it, made once."""
        made = self._made.get(wire)
        if made is None:
            made = self._made[wire] = _MAKE[wire](self.texts)
        return made
