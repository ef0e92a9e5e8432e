"""What a client says in frames of RFC 6455: bytes in, messages out. It knows nothing of connections.

Written for this: a library's frames cost more than all the rest of a socket (docs/decisions/0006-lean.md).
"""

import zlib
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import NamedTuple

from consumers.wire.close_codes import CloseCode

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
FINAL, COMPRESSED, RESERVED, MASKED = 0x80, 0x40, 0x70, 0x80
NORMAL, PROTOCOL_ERROR, INVALID_PAYLOAD, INTERNAL_ERROR = 1000, 1002, 1007, 1011
SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1014)})  # codes of the RFC that may be in a close frame
TAIL = b"\x00\x00\xff\xff"  # what permessage-deflate leaves out (RFC 7692, 7.2.2)
ALLOWED_TRAILERS = (b"", TAIL, b"\0" + TAIL)  # what may follow a last block of deflate (RFC 7692, 7.2.3.4)

SMALL_FRAGMENT = 256  # bytes; a message in smaller pieces costs what as many messages would

_decoder = getincrementaldecoder("utf-8")


class ProtocolError(Exception):
    """Nothing more of this client is read."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Message(NamedTuple):
    """A whole message, a control frame, or (PIECE) a part of a message that is not whole yet."""

    opcode: int
    payload: bytes
    text: str = ""  # of TEXT, instead of a payload
    counts: bool = True  # False: a large piece of a message that was counted already


class _FragmentedMessage:
    """One that comes in pieces. Text is decoded as it comes, so that what is wrong with it is found at once."""

    __slots__ = ("compressed", "decoder", "opcode", "pieces", "size", "texts")

    def __init__(self, opcode: int, compressed: bool) -> None:
        self.opcode = opcode
        self.compressed = compressed
        self.size = 0
        self.pieces: list[bytes] = []
        self.texts: list[str] = []
        self.decoder = _decoder() if opcode == TEXT and not compressed else None

    def add(self, payload: bytes, last: bool) -> None:
        self.size += len(payload)
        if self.decoder is None:
            self.pieces.append(payload)
            return
        try:
            self.texts.append(self.decoder.decode(payload, last))
        except UnicodeDecodeError as error:
            raise ProtocolError(INVALID_PAYLOAD, "This text is not UTF-8.") from error


class FrameParser:
    """What one client says. While nothing is half said, it keeps nothing of it."""

    __slots__ = ("_inflates", "_limit", "_message", "_rest", "_wanted")

    def __init__(self, limit: int, inflates: bool) -> None:
        """`limit`: bytes of a message, also inflated, also of all its pieces."""
        self._limit = limit
        self._inflates = inflates
        self._rest: bytearray | None = None  # the begin of a frame that is not whole yet
        self._wanted = 0  # bytes of it until it is; 0 while it does not say
        self._message: _FragmentedMessage | None = None

    def feed(self, data: bytes) -> Iterator[Message]:
        """What is said with these bytes. Raises Violation; it is not to be fed after that."""
        if self._rest is not None:
            self._rest += data  # in place: joined anew for each packet, a frame in tiny ones would cost their square
            if len(self._rest) < self._wanted:
                return
            data, self._rest = bytes(self._rest), None
        at, size, self._wanted = 0, len(data), 0
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            self._check(first, second)
            length, start = _length(data, at, second & 127)
            if length is None:
                break
            self._measure(first, length)
            end = start + length
            if size < end:
                self._wanted = end - at
                break
            at, payload = end, unmasked(data[start - 4 : start], data[start:end])
            yield self._take(first, payload)
        if at < size:
            self._rest = bytearray(data[at:])

    def _check(self, first: int, second: int) -> None:
        """What is wrong with a frame shows in its first two bytes."""
        opcode = first & 15
        if not second & MASKED:
            raise ProtocolError(PROTOCOL_ERROR, "A client's frames are masked.")
        if opcode not in OPCODES:
            raise ProtocolError(PROTOCOL_ERROR, f"There is no opcode {opcode}.")
        if first & RESERVED and not self._may_be_compressed(first, opcode):
            raise ProtocolError(PROTOCOL_ERROR, "A reserved bit is set.")
        if opcode >= CLOSE:
            if not first & FINAL:
                raise ProtocolError(PROTOCOL_ERROR, "A control frame comes in one piece.")
            if second & 127 > 125:
                raise ProtocolError(PROTOCOL_ERROR, "A control frame has 125 bytes at most.")
        elif (opcode == CONTINUATION) == (self._message is None):
            raise ProtocolError(PROTOCOL_ERROR, "A message begins once and goes on in pieces.")

    def _may_be_compressed(self, first: int, opcode: int) -> bool:
        return self._inflates and first & RESERVED == COMPRESSED and opcode in (TEXT, BINARY)

    def _measure(self, first: int, length: int) -> None:
        """Before it has come: a frame that is too large is not waited for."""
        if first & 15 < CLOSE and length + (self._message.size if self._message else 0) > self._limit:
            raise ProtocolError(CloseCode.TOO_LARGE, CloseCode.TOO_LARGE.sentence)

    def _take(self, first: int, payload: bytes) -> Message:
        opcode = first & 15
        if opcode >= CLOSE:
            return Message(opcode, payload)
        if first & FINAL and opcode != CONTINUATION:
            return self._whole(opcode, payload, bool(first & COMPRESSED))
        return self._piece(first, opcode, payload)

    def _piece(self, first: int, opcode: int, payload: bytes) -> Message:
        message = self._message
        if message is None:
            message = self._message = _FragmentedMessage(opcode, bool(first & COMPRESSED))
        counts = message.size == 0 or len(payload) < SMALL_FRAGMENT
        message.add(payload, bool(first & FINAL))
        if not first & FINAL:
            return Message(CONTINUATION, b"", counts=counts)
        self._message = None
        if message.decoder is not None:
            return Message(TEXT, b"", "".join(message.texts), counts)
        return self._whole(message.opcode, b"".join(message.pieces), message.compressed)._replace(counts=counts)

    def _whole(self, opcode: int, payload: bytes, compressed: bool) -> Message:
        if compressed:
            payload = self._inflated(payload)
        if opcode == BINARY:
            return Message(BINARY, payload)
        try:
            return Message(TEXT, b"", payload.decode())
        except UnicodeDecodeError as error:
            raise ProtocolError(INVALID_PAYLOAD, "This text is not UTF-8.") from error

    def _inflated(self, payload: bytes) -> bytes:
        """No more than the limit is ever made of it, whatever it would become."""
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflated = inflate.decompress(payload + TAIL, self._limit + 1)
        except zlib.error as error:
            raise ProtocolError(INVALID_PAYLOAD, "This cannot be inflated.") from error
        if inflate.unused_data not in ALLOWED_TRAILERS:
            raise ProtocolError(INVALID_PAYLOAD, "There is more behind the last block.")
        if len(inflated) > self._limit:
            raise ProtocolError(CloseCode.TOO_LARGE, CloseCode.TOO_LARGE.sentence)
        return inflated


def _length(data: bytes, at: int, short: int) -> tuple[int | None, int]:
    """How long the payload is, and where it begins; None where that has not come yet."""
    if short < 126:
        return short, at + 6
    size, least = (2, 126) if short == 126 else (8, 1 << 16)
    begin = at + 2 + size
    if len(data) < begin:
        return None, 0
    length = int.from_bytes(data[at + 2 : begin], "big")
    if length < least or length >> 63:
        raise ProtocolError(PROTOCOL_ERROR, "A length has its shortest form, and 63 bits at most.")
    return length, begin + 4


def unmasked(mask: bytes, payload: bytes) -> bytes:
    """Returns the payload without its mask (RFC 6455, 5.3). An empty payload may come before its mask has."""
    size = len(payload)
    if not size or mask == b"\0\0\0\0":
        return payload
    whole = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(whole, "little")).to_bytes(size, "little")


def check_close(payload: bytes) -> None:
    """Raises Violation where a close frame says what none may say."""
    if not payload:
        return
    code = int.from_bytes(payload[:2], "big")
    if code not in SENDABLE and not 3000 <= code < 5000:  # nor is one byte a code
        raise ProtocolError(PROTOCOL_ERROR, "No close frame may have this code.")
    try:
        payload[2:].decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(INVALID_PAYLOAD, "This reason is not UTF-8.") from error
