"""What is made of a client's bytes, without a connection."""

import tracemalloc
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.server.websocket.frame_parser import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    FrameParser,
    Message,
    ProtocolError,
    check_close,
    unmasked,
)
from tests.rfc6455.deflating import WAYS, compressed
from tests.rfc6455.frames import announced, closing, frame, in_pieces

LIMIT = 1000  # bytes of a message here
ENOUGH = 100_000  # for any of a stream by chance
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
TOO_LARGE = 4509


class Heard(NamedTuple):
    """What a reader made of some bytes."""

    said: list[Message]
    code: int | None  # of the violation that ended it

    @property
    def messages(self) -> list[Message]:
        return [Message(each.opcode, each.payload, each.text) for each in self.said if each.opcode != CONTINUATION]


def read(packets: Iterable[bytes], limit: int = LIMIT, inflates: bool = True) -> Heard:
    reader, said = FrameParser(limit, inflates), []
    try:
        for packet in packets:
            said.extend(reader.feed(packet))
    except ProtocolError as violation:
        return Heard(said, violation.code)
    return Heard(said, None)


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    at = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)], strict=True)]


# --- streams by chance

masks = st.binary(min_size=4, max_size=4)
controls = st.builds(
    lambda opcode, payload: Message(opcode, payload), st.sampled_from((PING, PONG)), st.binary(max_size=125)
)
messages = st.text(max_size=300).map(lambda text: Message(TEXT, b"", text)) | st.binary(max_size=300).map(
    lambda payload: Message(BINARY, payload)
)


class Stream(NamedTuple):
    data: bytes
    said: list[Message]


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Messages in one frame or several, compressed or not, with control frames between their pieces."""
    data, said = [], []
    for message in draw(st.lists(controls | messages, max_size=6)):
        if message.opcode in (PING, PONG):
            data.append(frame(message.opcode, message.payload, mask=draw(masks)))
            said.append(message)
            continue
        payload, deflates = message.text.encode() or message.payload, draw(st.booleans())
        payload = WAYS[draw(st.sampled_from(sorted(WAYS)))](payload) if deflates else payload
        frames = in_pieces(
            message.opcode, *cut(payload, draw(st.lists(st.integers(0, 400), max_size=4))), rsv=0x40 * deflates
        )
        for number, each in enumerate(frames):
            between = draw(st.none() | controls) if number else None
            if between is not None:
                data.append(frame(between.opcode, between.payload))
                said.append(between)
            data.append(each)
        said.append(message)
    return Stream(b"".join(data), said)


places = st.lists(st.integers(0, 10_000), max_size=30)


@unhurried
@given(streams(), places)
def test_however_a_stream_is_cut_it_says_the_same(stream: Stream, at: list[int]):
    heard = read([stream.data], limit=ENOUGH)
    assert (heard.messages, heard.code) == (stream.said, None)
    assert read(cut(stream.data, at), limit=ENOUGH) == heard


@unhurried
@given(streams(), st.lists(st.tuples(st.integers(0, 10_000), st.integers(1, 255)), min_size=1, max_size=3), places)
def test_however_a_broken_stream_is_cut_it_says_the_same_and_ends_alike(
    stream: Stream, damage: list[tuple[int, int]], at: list[int]
):
    data = bytearray(stream.data + closing(1000))
    for place, bits in damage:
        data[place % len(data)] ^= bits
    assert read(cut(bytes(data), at)) == read([bytes(data)])


@unhurried
@given(st.binary(max_size=200), places, st.booleans())
def test_whatever_comes_is_read_or_a_violation(data: bytes, at: list[int], inflates: bool):
    assert read(cut(data, at), inflates=inflates) == read([data], inflates=inflates)


@unhurried
@given(masks, st.binary(max_size=70))
def test_a_mask_is_taken_off_byte_by_byte(mask: bytes, payload: bytes):
    assert unmasked(mask, payload) == bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


# --- what it costs


def test_a_large_frame_in_tiny_packets_is_not_copied_for_each_of_them():
    """What has come grows where it is; else 64 KiB would be 2 GB of copies."""
    data, reader = frame(BINARY, b"x" * 65_536), FrameParser(65_536, inflates=False)
    assert not list(reader.feed(data[:20]))
    growing = reader._rest
    for byte in data[20:-1]:
        assert not list(reader.feed(bytes((byte,))))
        assert reader._rest is growing
    assert list(reader.feed(data[-1:])) == [Message(BINARY, b"x" * 65_536)]


def test_of_a_bomb_no_more_is_made_than_may_be():
    bomb = frame(BINARY, compressed(bytes(50_000_000), 9), rsv=0x40)
    tracemalloc.start()
    try:
        assert read([bomb], limit=100_000).code == TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 1_000_000, "bytes"
    finally:
        tracemalloc.stop()


def test_nothing_is_kept_of_what_was_said():
    reader = FrameParser(LIMIT, inflates=True)
    for packet in cut(frame(TEXT, b"x" * 900) + b"".join(in_pieces(TEXT, b"a", b"b")), [1, 5, 400, 905, 910]):
        list(reader.feed(packet))
    assert reader._rest is None
    assert reader._message is None


@pytest.mark.parametrize(
    "packets",
    [
        [announced(TEXT, LIMIT + 1, 16)],
        [frame(TEXT, b"x" * LIMIT, final=False), frame(CONTINUATION, b"", final=False), announced(CONTINUATION, 1, 7)],
        [frame(TEXT, compressed(b"x" * (LIMIT + 1)), rsv=0x40)],
    ],
    ids=["announced", "in pieces", "inflated"],
)
def test_what_is_too_large_is_not_waited_for(packets: Sequence[bytes]):
    assert read(packets).code == TOO_LARGE


def test_what_is_as_large_as_may_be_is_read():
    whole, pieces = frame(TEXT, b"x" * LIMIT), in_pieces(TEXT, b"x" * 999, b"", b"x")
    deflated = frame(TEXT, compressed(b"x" * LIMIT), rsv=0x40)
    assert [said.text for said in read([whole, *pieces, deflated]).messages] == 3 * ["x" * LIMIT]


def test_small_pieces_count_and_large_ones_do_not():
    """A message in large pieces is one; in small ones it costs what as many messages would."""
    assert [said.counts for said in read(in_pieces(BINARY, b"", b"x" * 256, b"x" * 255, b"x" * 256)).said] == [
        True,
        True,
        True,
        False,
    ]


# --- what is against the rules

VIOLATIONS = {
    "no mask": (frame(TEXT, b"x", mask=None), 1002),
    "an opcode that there is not": (frame(3), 1002),
    "a control opcode that there is not": (frame(11), 1002),
    "the second reserved bit": (frame(TEXT, b"x", rsv=0x20), 1002),
    "a compressed ping": (frame(PING, rsv=0x40), 1002),
    "a compressed piece": (frame(TEXT, final=False) + frame(CONTINUATION, rsv=0x40), 1002),
    "a piece of nothing": (frame(CONTINUATION), 1002),
    "a message within another": (frame(TEXT, final=False) + frame(TEXT), 1002),
    "half a ping": (frame(PING, final=False), 1002),
    "a ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "a ping that announces 64 KiB": (announced(PING, 65536), 1002),
    "a length that is longer than it needs": (frame(TEXT, b"x", bits=16), 1002),
    "a length of 64 bits": (b"\x81\xff" + b"\xff" * 12, 1002),
    "no UTF-8": (frame(TEXT, b"\xff"), 1007),
    "no UTF-8, in the first of two pieces": (frame(TEXT, b"\xff", final=False), 1007),
    "half a character": (b"".join(in_pieces(TEXT, b"\xc3", b"")), 1007),
    "nothing that could be inflated": (frame(TEXT, b"\xff\xff", rsv=0x40), 1007),
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_a_violation_ends_it(what: str):
    data, code = VIOLATIONS[what]
    assert read([frame(PING, b"before") + data + frame(PING, b"behind")]) == Heard(
        [Message(PING, b"before"), *read([data]).said], code
    )


def test_who_did_not_agree_on_compression_does_not_compress():
    assert read([frame(TEXT, compressed(b"x"), rsv=0x40)], inflates=False).code == 1002


@unhurried
@given(st.integers(0, 65535))
def test_the_codes_that_a_client_may_close_with(code: int):
    """RFC 6455, 7.4, and what has been registered since."""
    allowed = code in (1000, 1001, 1002, 1003, *range(1007, 1014)) or 3000 <= code < 5000
    assert is_violation(code.to_bytes(2, "big")) != allowed


@pytest.mark.parametrize("payload", [b"\x03", b"\x03\xe8\xff", b"\x03\xe8" + "ö".encode()[:1]])
def test_a_close_that_is_none(payload: bytes):
    assert is_violation(payload)


def is_violation(payload: bytes) -> bool:
    try:
        check_close(payload)
    except ProtocolError:
        return True
    return False


def test_the_example_of_the_rfc():
    """RFC 6455, 5.7."""
    assert read([bytes.fromhex("818537fa213d7f9f4d5158")]).messages == [Message(TEXT, b"", "Hello")]
