"""A burst: frames that go out together, as the bytes that each sort of connection carries."""

import struct
from collections.abc import Callable, Sequence
from enum import Enum

from consumers.blocks import block


class Wire(Enum):
    """How a connection carries frames."""

    FRAMES = "WebSocket frames"
    CHUNKS = "blocks in chunks of HTTP/1.1"
    BLOCKS = "blocks"  # HTTP/1.0 knows no chunks


def framed(text: bytes) -> bytes:
    """The text as one unmasked WebSocket frame (RFC 6455, 5.2)."""
    size = len(text)
    if size < 126:
        return b"\x81" + bytes((size,)) + text
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + text
    return struct.pack("!BBQ", 0x81, 127, size) + text


def _frames(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(framed, texts))


def _blocks(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(block, texts))


def _chunk(texts: Sequence[bytes]) -> bytes:
    """The blocks as one chunk (RFC 9112, 7.1). None of no bytes: it would be the last."""
    blocks = _blocks(texts)
    return b"%x\r\n%b\r\n" % (len(blocks), blocks) if blocks else b""


_MAKE: dict[Wire, Callable[[Sequence[bytes]], bytes]] = {
    Wire.FRAMES: _frames,
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
