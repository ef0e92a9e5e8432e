"""Frames of RFC 6455 as bytes, right or wrong in any way, and the strict reading of what a server sends."""

import struct
import zlib
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FINAL, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MASK = bytes((0x9A, 0x00, 0x5C, 0xFF))  # each byte different, and one that changes nothing


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    """The payload as it travels from a client (5.3); unmasking is the same."""
    if not payload:
        return b""
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def size_of(payload: int, bits: int = 0, mask: int = 0x80) -> bytes:
    """The size in 7, 16 or 64 bits (5.2); by default the fewest."""
    bits = bits or (7 if payload < 126 else 16 if payload < 65536 else 64)
    if bits == 7:
        return bytes((mask | payload,))
    return struct.pack("!BH", mask | 126, payload) if bits == 16 else struct.pack("!BQ", mask | 127, payload)


def frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, rsv: int = 0, bits: int = 0, mask: bytes | None = MASK
) -> bytes:
    """A frame of a client. `bits` spells the size in more of them than it needs; no mask leaves it away."""
    first = bytes(((FINAL if final else 0) | rsv | opcode,))
    if mask is None:
        return first + size_of(len(payload), bits, 0) + payload
    return first + size_of(len(payload), bits) + mask + masked(payload, mask)


def announced(opcode: int, size: int, bits: int = 64) -> bytes:
    """The head of a frame whose payload is not sent."""
    return bytes((FINAL | opcode,)) + size_of(size, bits) + MASK


def closing(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def in_pieces(opcode: int, *pieces: bytes, rsv: int = 0) -> list[bytes]:
    """One message in as many frames; RSV1 belongs to the first of them."""
    last = len(pieces) - 1
    return [
        frame(CONTINUATION if number else opcode, piece, final=number == last, rsv=0 if number else rsv)
        for number, piece in enumerate(pieces)
    ]


class Heard(NamedTuple):
    """A frame of the server."""

    first: int
    payload: bytes

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def text(self) -> str:
        """Of a message, which may be compressed by itself."""
        payload = self.payload
        if self.first & RSV1:
            inflate = zlib.decompressobj(-15)
            payload = inflate.decompress(payload + b"\x00\x00\xff\xff")
        return payload.decode()

    @property
    def code(self) -> int | None:
        """What a close frame gives as its reason."""
        return struct.unpack("!H", self.payload[:2])[0] if self.payload else None


class BadFrame(AssertionError):
    """The server broke a rule itself."""


def parse(data: bytes) -> tuple[Heard, int] | None:
    """The first frame and its length, once it is whole. A server's has no mask, and its size the fewest bytes."""
    if len(data) < 2:
        return None
    first, size, start = data[0], data[1], 2
    if size & 0x80:
        raise BadFrame("A server's frame is masked.")
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(data) < start:
            return None
        size = int.from_bytes(data[2:start], "big")
        if size < (126 if start == 4 else 65536) or size >> 63:
            raise BadFrame(f"The size {size} is in {start - 2} bytes.")
    if len(data) < start + size:
        return None
    heard = Heard(first, data[start : start + size])
    _judge(heard)
    return heard, start + size


def _judge(heard: Heard) -> None:
    if heard.opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG) or heard.first & (RSV2 | RSV3):
        raise BadFrame(f"{heard.first:#x} begins no frame.")
    if heard.opcode >= CLOSE and (not heard.first & FINAL or heard.first & RSV1 or len(heard.payload) > 125):
        raise BadFrame(f"This is no control frame: {heard}.")
    if heard.opcode == CLOSE and heard.payload:
        if heard.code not in {1000, 1001, 1002, 1003, *range(1007, 1012), *range(3000, 5000)}:
            raise BadFrame(f"{heard.code} may not be sent.")
        heard.payload[2:].decode()
