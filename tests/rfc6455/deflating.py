"""permessage-deflate (RFC 7692) from a client's side: how texts may be compressed, and what is no compressed text."""

import zlib

TAIL = b"\x00\x00\xff\xff"


def compressed(text: bytes, level: int = 6, bits: int = 15) -> bytes:
    """As the RFC has it: flushed, and without the tail that every flush ends with (7.2.1)."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -bits)
    payload = deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH)
    assert payload.endswith(TAIL)
    return payload[:-4]


def finished(text: bytes) -> bytes:
    """In blocks of which the last says that it is; to be followed by a zero (7.2.3.4)."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(text) + deflate.flush(zlib.Z_FINISH)


def in_blocks(text: bytes) -> bytes:
    """Each byte in blocks of its own (7.2.3.5)."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    pieces = [deflate.compress(text[n : n + 1]) + deflate.flush(zlib.Z_FULL_FLUSH) for n in range(len(text))]
    return b"".join(pieces)[:-4]


class Talker:
    """Compresses one text after the other, with what came before in mind."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -15)

    def __call__(self, text: bytes) -> bytes:
        return (self._deflate.compress(text) + self._deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]


# how a text may be compressed
WAYS = {
    "as usual": compressed,
    "not at all, in stored blocks": lambda text: compressed(text, 0),
    "as well as can be": lambda text: compressed(text, 9),
    "with a window of 512 bytes": lambda text: compressed(text, bits=9),
    "with the tail": lambda text: compressed(text) + TAIL,
    "with three tails": lambda text: compressed(text) + TAIL + (b"\x00" + TAIL) * 2,
    "with an empty block behind": lambda text: compressed(text) + TAIL + b"\x02\x00",
    "with an empty block before": lambda text: b"\x00" + TAIL + compressed(text),
    "finished, and a zero": lambda text: finished(text) + b"\x00",
    "each byte by itself": in_blocks,
}
