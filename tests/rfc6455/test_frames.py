"""Frames (RFC 6455, 5): every way to spell one, and what becomes of those that are against the rules."""

import pytest

from tests.rfc6455.conftest import Opener
from tests.rfc6455.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FINAL,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    announced,
    frame,
    in_pieces,
)
from tests.rfc6455.messages import LIMIT, PING_MESSAGE, padded
from tests.rfc6455.wire import DEFLATE

START = frame(TEXT, b"{", final=False)
RESERVED_OPCODES = (*range(0x3, 0x8), *range(0xB, 0x10))

AGAINST_THE_RULES = {
    "not masked": frame(TEXT, PING_MESSAGE, mask=None),
    "empty and not masked": frame(TEXT, mask=None),
    "a ping that is not masked": frame(PING, b"x", mask=None),
    "a close that is not masked": frame(CLOSE, mask=None),
    "a continuation that is not masked": START + frame(CONTINUATION, b"}", mask=None),
    **{f"RSV{number}": frame(TEXT, PING_MESSAGE, rsv=bit) for number, bit in ((1, RSV1), (2, RSV2), (3, RSV3))},
    "all reserved bits": frame(TEXT, PING_MESSAGE, rsv=RSV1 | RSV2 | RSV3),
    "a reserved bit in a ping": frame(PING, b"x", rsv=RSV1),
    "a reserved bit in a close": frame(CLOSE, rsv=RSV2),
    "a reserved bit in a continuation": START + frame(CONTINUATION, b"}", rsv=RSV3),
    **{f"opcode {opcode:#x}": frame(opcode, b"x") for opcode in RESERVED_OPCODES},
    "an unknown opcode in pieces": frame(0x3, b"x", final=False),
    "an unknown opcode within a message": START + frame(0x4, b"x"),
    "a ping in pieces": frame(PING, b"x", final=False),
    "a pong in pieces": frame(PONG, b"x", final=False),
    "a close in pieces": frame(CLOSE, final=False),
    "a ping of 126 bytes": frame(PING, b"x" * 126),
    "a pong of 126 bytes": frame(PONG, b"x" * 126),
    "a close of 126 bytes": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a ping of 65,536 bytes": frame(PING, b"x" * 65_536),
    "a ping announced as a terabyte": announced(PING, 1 << 40),
    "a ping whose size is in 16 bits": frame(PING, b"x", bits=16),
    "a size below 126 in 16 bits": frame(TEXT, b"x" * 125, bits=16),
    "no size in 16 bits": frame(TEXT, b"", bits=16),
    "a size below 126 in 64 bits": frame(TEXT, b"x" * 125, bits=64),
    "a size below 65,536 in 64 bits": frame(TEXT, b"x" * 65_535, bits=64),
    "a size of 64 bits": announced(TEXT, 1 << 63),
    "the largest size that 64 bits hold": announced(TEXT, (1 << 64) - 1),
    "a continuation of nothing": frame(CONTINUATION, b"x"),
    "an empty continuation of nothing": frame(CONTINUATION),
    "a continuation of nothing that goes on": frame(CONTINUATION, b"x", final=False),
    "a continuation of a message that had ended": b"".join(in_pieces(TEXT, b"{", b"}")) + frame(CONTINUATION),
    "a text within a message": START + frame(TEXT, b"}"),
    "a binary within a text": START + frame(BINARY, b"}"),
    "a beginning within a message": START + frame(TEXT, b"}", final=False),
}

SIZES = [15, 16, 124, 125, 126, 127, 128, 1000, 65_533, 65_534, 65_535, LIMIT]


@pytest.mark.parametrize("name", AGAINST_THE_RULES)
def test_a_frame_against_the_rules_is_an_error_of_the_protocol(connect: Opener, name: str):
    wire = connect()
    wire.send(AGAINST_THE_RULES[name])
    if "had ended" in name:
        assert wire.hear_until_close() == 1002
    else:
        assert wire.closed_with() == 1002


@pytest.mark.parametrize("name", AGAINST_THE_RULES)
def test_it_is_one_however_it_is_cut_and_whatever_follows(connect: Opener, name: str):
    """Byte by byte, at least the head; behind it comes what would be answered."""
    sent = AGAINST_THE_RULES[name] + frame(PING, b"Are you there?") + frame(TEXT, PING_MESSAGE)
    wire = connect()
    wire.send_until_end(*[sent[n : n + 1] for n in range(24)], sent[24:])
    assert wire.hear_until_close() == 1002


@pytest.mark.parametrize("size", SIZES)
def test_a_size_has_an_edge(connect: Opener, size: int):
    """Of 7, 16 and 64 bits, and of what a message may have."""
    wire = connect()
    wire.send(frame(TEXT, padded(size)))
    assert wire.hear()["type"] == "pong"


def test_a_mask_may_be_any(connect: Opener):
    wire = connect()
    for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x80\x00\x7f", b"{}\r\n"):
        wire.send(frame(TEXT, padded(77), mask=mask), frame(PING, b"abcde", mask=mask))
        assert wire.pong_and_message() == (b"abcde", "pong")


@pytest.mark.parametrize("size", [0, 1, 2, 124, 125])
def test_a_ping_is_answered_with_what_it_says(connect: Opener, size: int):
    wire = connect()
    said = bytes(n % 256 for n in range(size))
    wire.send(frame(PING, said))
    assert wire.pong() == said


def test_each_of_many_pings_is_answered_in_order(connect: Opener):
    wire = connect()
    said = [b"%d" % number for number in range(40)]
    wire.send(*[frame(PING, each) for each in said])
    assert [wire.pong() for _ in said] == said


def test_a_pong_that_nobody_asked_for_is_ignored(connect: Opener):
    wire = connect()
    wire.send(frame(PONG), frame(PONG, b"x" * 125), frame(PONG, b"\xff"))
    assert wire.still_answers()


TOO_MANY = {
    "pings": frame(PING) * 80,
    "pongs": frame(PONG) * 80,
    "messages": frame(TEXT, PING_MESSAGE) * 80,
    "empty pieces": frame(TEXT, final=False) + frame(CONTINUATION, final=False) * 80,
    "small pieces": frame(TEXT, b" ", final=False) + frame(CONTINUATION, b" " * 255, final=False) * 80,
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_too_many_frames_close(connect: Opener, name: str):
    """With the code of docs/protocol.md; those that were not too many are answered."""
    wire = connect()
    wire.send(TOO_MANY[name])
    assert wire.hear_until_close() == 4029
    assert (wire.count[PONG] >= 50) == (name == "pings")


def test_large_pieces_do_not_count(connect: Opener):
    wire = connect()
    wire.send(frame(TEXT, b" " * 256, final=False), frame(CONTINUATION, b" " * 256, final=False) * 80)
    wire.send(frame(CONTINUATION, PING_MESSAGE))
    assert wire.hear()["type"] == "pong"


def test_a_frame_may_come_in_any_pieces(connect: Opener):
    """Also one whose head has 14 bytes."""
    wire = connect()
    for sent in (frame(TEXT, padded(20)), frame(TEXT, padded(200)), frame(TEXT, padded(LIMIT))):
        for cut in (1, 2, 3, 5, 8, 9, 10, 13, 15, len(sent) - 1):
            wire.send_apart(sent[:cut], sent[cut:])
            assert wire.hear()["type"] == "pong"


def test_a_frame_may_come_byte_by_byte(connect: Opener):
    wire = connect()
    sent = frame(TEXT, padded(140)) + frame(PING, b"behind it")
    wire.send_apart(*[bytes((byte,)) for byte in sent])
    assert wire.pong_and_message() == (b"behind it", "pong")


def test_many_frames_may_come_in_one_packet(connect: Opener):
    wire = connect()
    wire.send(*[frame(TEXT, padded(20 + n)) + frame(PING, b"%d" % n) for n in range(20)])
    heard = [wire.next() for _ in range(40)]
    assert [each.payload for each in heard if each.opcode == PONG] == [b"%d" % n for n in range(20)]
    assert sum(each.first == FINAL | TEXT for each in heard) == 20


@pytest.mark.parametrize("first", [FINAL | RSV1 | PING, FINAL | RSV2 | TEXT, FINAL | RSV1 | RSV3 | TEXT])
def test_reserved_bits_mean_nothing_with_an_extension_either(connect: Opener, first: int):
    wire = connect(("Sec-WebSocket-Extensions", DEFLATE))
    wire.send(frame(first & 0xF, b"x", rsv=first & 0x70))
    assert wire.closed_with() == 1002
