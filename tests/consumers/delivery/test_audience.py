"""An audience with sockets of its own: it notes what to send by, and must notice when that is not so any more."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from consumers.delivery.audience import Audience, AudienceKey
from consumers.delivery.delivery_round import MAX_WRITE_BYTES
from consumers.delivery.dispatcher import MAX_READERS_PER_TURN as SLICE
from consumers.metrics import counters
from consumers.server.direct_writer import DirectWriter
from consumers.wire.batch import Encoding, FrameBatch, framed
from consumers.wire.server_frames import JSON


class Connection:
    """What Twisted keeps of one."""

    is_open = True
    unsent = 0

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        for each in (self.here, self.there):
            each.setblocking(False)
        self.kept = b""
        self.writer = DirectWriter(self, self)
        self.writer.send = self.here.send

    def registerProducer(self, producer: object, streams: bool) -> None:
        pass

    def unregisterProducer(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.kept += data

    def heard(self) -> bytes:
        try:
            return self.there.recv(65536)
        except BlockingIOError:
            return b""


@pytest.fixture
def connections() -> Iterator[list[Connection]]:
    made = [Connection() for _ in range(3)]
    yield made
    for each in made:
        each.here.close()
        each.there.close()


@pytest.fixture
def audience(connections: list[Connection]) -> Audience:
    audience = Audience(AudienceKey(JSON, Encoding.FRAMES, frozenset({"front"})), 0.0)
    for each in connections:
        audience.enter(SimpleNamespace(writer=each.writer, is_held=False))
    return audience


def hear(audience: Audience, word: bytes) -> None:
    """An event arrives for all."""
    audience._add(FrameBatch([word]), 1)


def say(audience: Audience, word: bytes, slice_: int = SLICE) -> bytes:
    """What each is to hear."""
    audience.add_heartbeat(FrameBatch([word]), 0.0)
    while audience.is_due:
        audience.write(slice_)
    return framed(word)


@pytest.mark.parametrize("slice_", [1, 2, SLICE])
def test_who_is_behind_is_sent_nothing_past_what_is_held_back(
    audience: Audience, connections: list[Connection], slice_: int
):
    for word in (b"1", b"2", b"3"):
        frame = say(audience, word, slice_)
        assert [each.heard() for each in connections] == [frame] * 3
    behind = connections[1]
    behind.writer.send = None
    held = b"".join(say(audience, word, slice_) for word in (b"4", b"5", b"6"))
    assert [each.heard() for each in connections] == [held, b"", held]
    assert behind.kept == held
    behind.writer.send = behind.here.send
    frames = b"".join(say(audience, word, slice_) for word in (b"7", b"8"))
    assert [each.heard() for each in connections] == [frames] * 3
    assert behind.kept == held


def test_what_the_kernel_refuses_is_kept_for_the_one_it_was_meant_for(
    audience: Audience, connections: list[Connection]
):
    word = b"x" * 50_000
    told = b"".join(say(audience, word) for _ in range(20))
    for each in connections:
        came = b""
        while more := each.heard():
            came += more
        assert each.kept
        assert came + each.kept == told


def test_an_end_that_nobody_noticed_yet_is_no_trouble_for_others(audience: Audience, connections: list[Connection]):
    connections[0].there.close()
    frames = b"".join(say(audience, word) for word in (b"1", b"2", b"3"))
    assert [each.heard() for each in connections[1:]] == [frames] * 2


def test_who_leaves_or_was_told_first_is_passed_over(audience: Audience, connections: list[Connection]):
    first, second, third = (audience._live[each.writer] for each in connections)
    audience.add_heartbeat(FrameBatch([b"1"]), 0.0)
    audience.flush(third)
    audience.leave(second)
    while audience.is_due:
        audience.write(1)
    assert [each.heard() for each in connections] == [framed(b"1"), b"", framed(b"1")]
    audience.leave(first)
    assert list(audience._live.values()) == [third]


def test_what_arrives_meanwhile_goes_along_and_round(audience: Audience, connections: list[Connection]):
    hear(audience, b"1")
    audience.write(1)
    hear(audience, b"2")
    assert audience.write(2)[0] == 2
    assert [each.heard() for each in connections] == [framed(b"1"), *[framed(b"1") + framed(b"2")] * 2]
    assert audience.is_due
    hear(audience, b"3")
    audience.write(SLICE)
    audience.write(SLICE)
    assert [each.heard() for each in connections] == [framed(b"2") + framed(b"3"), framed(b"3"), framed(b"3")]
    assert not audience.is_due


def test_each_delivery_is_counted_once(audience: Audience, connections: list[Connection]):
    first, _, third = (audience._live[each.writer] for each in connections)
    before = counters.delivered
    hear(audience, b"1")
    audience.write(1)
    hear(audience, b"2")
    audience.flush(first)
    audience.leave(third)
    while audience.is_due:
        audience.write(SLICE)
    assert [each.heard() for each in connections] == [framed(b"1") + framed(b"2")] * 2 + [b""]
    assert counters.delivered - before == 4


def test_too_much_for_one_write_goes_after_the_rest(audience: Audience, connections: list[Connection]):
    words = [letter * (MAX_WRITE_BYTES // 2 + 1) for letter in (b"1", b"2")]
    for word in words:
        hear(audience, word)
    for word in words:
        assert audience.is_due
        audience.write(SLICE)
        assert [each.heard() for each in connections] == [framed(word)] * 3
    assert not audience.is_due
