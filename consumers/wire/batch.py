"""Batches: frames that go out together, as the bytes that each sort of connection carries."""

import struct
import zlib
from collections.abc import Callable, Sequence
from enum import Enum

from consumers.wire.event_stream import block

WINDOW_BITS = 12  # 4 KiB that a text may refer back to. Some clients ask for no more, and all get the same bytes
MIN_DEFLATED_BYTES = 256  # of a frame: what a shorter one would save is not worth the client's inflating
DEFLATE_LEVEL = 1  # the fastest: it is made on the loop


class Encoding(Enum):
    """How a connection carries frames."""

    __hash__ = object.__hash__  # Enum's hashes the name, in Python, ten times for each connection

    FRAMES = "WebSocket frames"
    DEFLATED = "WebSocket frames, the longer ones compressed"
    CHUNKS = "blocks in chunks of HTTP/1.1"
    BLOCKS = "blocks"  # HTTP/1.0 knows no chunks


def framed(payload: bytes, first: int = 0x81) -> bytes:
    """Returns the payload as one unmasked WebSocket frame (RFC 6455, 5.2). `first` is its first byte: text, final."""
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def deflated(text: bytes) -> bytes:
    """Returns the text as a frame compressed by itself alone, and so the same to every reader (RFC 7692, 7.2.1)."""
    if len(text) < MIN_DEFLATED_BYTES:
        return framed(text)
    deflate = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -WINDOW_BITS)
    payload = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    return framed(payload[:-4], 0xC1)


def _frames(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(framed, texts))


def _deflated(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(deflated, texts))


def _blocks(texts: Sequence[bytes]) -> bytes:
    return b"".join(map(block, texts))


def _chunk(texts: Sequence[bytes]) -> bytes:
    """Returns the blocks as one chunk (RFC 9112, 7.1); no bytes for no blocks, since an empty chunk is the last."""
    blocks = _blocks(texts)
    return b"%x\r\n%b\r\n" % (len(blocks), blocks) if blocks else b""


_ENCODERS: dict[Encoding, Callable[[Sequence[bytes]], bytes]] = {
    Encoding.FRAMES: _frames,
    Encoding.DEFLATED: _deflated,
    Encoding.CHUNKS: _chunk,
    Encoding.BLOCKS: _blocks,
}


class FrameBatch:
    """Frames that go out together; the same object, and so the same bytes, to every reader."""

    __slots__ = ("_encoded", "committed", "texts")

    def __init__(self, texts: Sequence[bytes], committed: float = 0.0) -> None:
        """`committed`: when the oldest event among them was, in seconds since 1970; 0 where none is an event."""
        self.texts = texts
        self.committed = committed
        self._encoded: dict[Encoding, bytes] = {}

    def encoded(self, encoding: Encoding) -> bytes:
        """Returns the bytes of all frames in this encoding, made once."""
        made = self._encoded.get(encoding)
        if made is None:
            made = self._encoded[encoding] = _ENCODERS[encoding](self.texts)
        return made
