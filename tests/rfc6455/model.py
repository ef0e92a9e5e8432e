"""What a server has to make of the bytes of a client: RFC 6455 once more, for reading, not for speed.

It is given all bytes at once, so that it cannot mind how they were cut.
"""

import codecs
import json
import zlib
from typing import NamedTuple

from tests.rfc6455.deflating import TAIL
from tests.rfc6455.frames import BINARY, CLOSE, CONTINUATION, FINAL, PING, RSV1, TEXT, masked
from tests.rfc6455.messages import LIMIT

BURST = 50  # frames at once (docs/limits.md)
MORSEL = 256  # bytes; a smaller piece of a message is counted as a frame
BAD_MESSAGES = 10  # the tenth is the last
EARLY = frozenset({1007, 4509})  # what may be said of a message before it is whole


class Expected(NamedTuple):
    """What has to come back."""

    pongs: list[bytes]
    messages: list[str | None]  # the echo, or the sort of another answer; None: whatever, but one
    codes: frozenset[int]  # of the close frame; empty: the connection stays
    sure: int | None  # pongs that come in any case; None: all. From then on a server may find fault early, with EARLY


class Fault(Exception):
    """Nothing more is read, and the connection ends with one of these codes."""

    def __init__(self, *codes: int) -> None:
        self.codes = frozenset(codes)


class Undecided(Exception):
    """What comes back is not known.

    The head of a frame is wrong, but its mask has not come yet: a server may wait for it. Or the stream of a
    compressed message is broken, but the tail makes a text of it: a server may find that or not.
    """


class Server:
    """Reads one client."""

    def __init__(self, deflates: bool) -> None:
        self._deflates = deflates
        self._opcode = 0  # of the message that is not whole; 0 where there is none
        self._compressed = False
        self._payload = b""
        self._frames = 0  # that count against the pace
        self._bad = 0
        self._sure: int | None = None
        self.pongs: list[bytes] = []
        self.messages: list[str | None] = []

    def read(self, data: bytes) -> Expected:
        codes: frozenset[int] = frozenset()
        try:
            while data:
                length = self._frame(data)
                if not length:
                    break
                data = data[length:]
        except Fault as fault:
            codes = fault.codes
        return Expected(self.pongs, self.messages, codes, self._sure)

    def _frame(self, data: bytes) -> int:
        """Reads one frame; its length, or 0 where it is not whole."""
        if len(data) < 2:
            return 0
        first, second = data[0], data[1]
        opcode, size, start = first & 0x0F, second & 0x7F, 2
        self._check(first, opcode, second)
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(data) < start:
                return 0
            size = int.from_bytes(data[2:start], "big")
            if size < (126 if start == 4 else 65536) or size >> 63:
                raise Fault(1002) if len(data) >= start + 4 else Undecided
        self._count(opcode, size)
        if opcode < CLOSE and len(self._payload) + size > LIMIT:
            raise Fault(4509) if len(data) >= start + 4 else Undecided
        end = start + 4 + size
        if len(data) < end:
            if opcode < CLOSE:
                begun = b"" if opcode else self._payload
                text = (opcode or self._opcode) == TEXT
                compressed = bool(first & RSV1) if opcode else self._compressed
                part = masked(data[start + 4 :], data[start : start + 4]) if len(data) > start + 4 else b""
                self._look(begun + part, text, compressed)
            return 0
        payload = masked(data[start + 4 : end], data[start : start + 4])
        if opcode >= CLOSE:
            self._control(opcode, payload)
        else:
            self._data(first, opcode, payload)
        return end

    def _check(self, first: int, opcode: int, second: int) -> None:
        """The rules that the first two bytes can break."""
        allowed = RSV1 if self._deflates and opcode in (TEXT, BINARY) else 0
        wrong = (
            first & 0x70 & ~allowed
            or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, 0xA)
            or not second & 0x80
            or (opcode >= CLOSE and (not first & FINAL or second & 0x7F > 125))
            or (opcode < CLOSE and (opcode == CONTINUATION) != bool(self._opcode))
        )
        if wrong:
            raise Fault(1002)

    def _count(self, opcode: int, size: int) -> None:
        """A close is always heard. A piece counts where it is small, or the first that is not empty."""
        if opcode == CLOSE or (opcode == CONTINUATION and self._payload and size >= MORSEL):
            return
        self._frames += 1
        if self._frames > BURST:
            raise Fault(4029)

    def _look(self, part: bytes, text: bool, compressed: bool) -> None:
        """Notes where a server may see from a part of a message what is wrong with the whole."""
        try:
            if compressed:
                part = zlib.decompressobj(-15).decompress(part, LIMIT + 1)
            if text:
                _check_text(part, False)
            if len(part) <= LIMIT:
                return
        except (zlib.error, Fault):
            pass
        if self._sure is None:
            self._sure = len(self.pongs)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self.pongs.append(payload)
        elif opcode == CLOSE:
            _check_close(payload)
            raise Fault(1000)

    def _data(self, first: int, opcode: int, payload: bytes) -> None:
        if opcode != CONTINUATION:
            self._opcode, self._compressed, self._payload = opcode, bool(first & RSV1), b""
        self._payload += payload
        if self._compressed:
            self._look(self._payload, self._opcode == TEXT, True)
        elif self._opcode == TEXT:
            _check_text(self._payload, bool(first & FINAL))
        if first & FINAL:
            payload = _inflated(self._payload) if self._compressed else self._payload
            if self._opcode == TEXT:
                _check_text(payload, True)
            self._message(payload if self._opcode == TEXT else None)
            self._opcode, self._payload = 0, b""

    def _message(self, text: bytes | None) -> None:
        answer = "bad-message" if text is None else _answer(text.decode())
        self.messages.append(answer)
        self._bad += answer == "bad-message"
        if self._bad == BAD_MESSAGES:
            raise Fault(4522)


def _check_text(text: bytes, whole: bool) -> None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(text, whole)
    except UnicodeDecodeError:
        raise Fault(1007) from None


def _check_close(payload: bytes) -> None:
    code = int.from_bytes(payload[:2], "big")
    if code == 1014 and len(payload) > 1:  # registered later, for gateways: as the server likes
        raise Fault(1000, 1002)
    if len(payload) == 1 or (payload and code not in {*range(1000, 1004), *range(1007, 1014), *range(3000, 5000)}):
        raise Fault(1002)
    _check_text(payload[2:], True)


def _inflated(payload: bytes) -> bytes:
    inflate = zlib.decompressobj(-15)
    try:
        text = inflate.decompress(payload, LIMIT + 1)
        if len(text) <= LIMIT and inflate.decompress(TAIL, LIMIT):
            raise Undecided
    except zlib.error:
        raise Fault(1007, 4509) from None  # what is too much may be found before what is wrong
    if len(text) > LIMIT:
        raise Fault(4509, 1007)
    if inflate.unused_data not in (b"", TAIL, b"\0" + TAIL):
        raise Fault(1007)
    return text


def _answer(text: str) -> str | None:
    """The echo of `messages.echo`, `bad-message` for what is no JSON; None where it would take docs/protocol.md."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return "bad-message"
    match said:
        case {"type": "subscribe", "topics": [str(topic)], **more} if not more and topic.isprintable():
            return topic if topic.startswith("/") else None
        case {"type": "ping"}:
            return "pong"
    return None
