"""The end (RFC 6455, 5.5.1 and 7): said properly, improperly, at the same time, or not at all."""

import re
import urllib.request

import pytest

from tests.rfc6455.conftest import Opener, open_files, sockets
from tests.rfc6455.frames import CLOSE, PING, PONG, TEXT, announced, closing, frame
from tests.rfc6455.messages import PING_MESSAGE, padded
from tests.rfc6455.wire import head
from tests.waiting import until

ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4008, 4999]
FORBIDDEN = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 9999, 32768, 65535]  # 7.4


@pytest.mark.parametrize("code", ALLOWED)
def test_a_close_is_answered_once_and_ends_the_connection(connect: Opener, code: int):
    """With 1000, whatever its code (docs/protocol.md)."""
    for reason in ("", "Auf Wiedersehen, bis später 😀", "x" * 123):
        wire = connect()
        wire.send(closing(code, reason.encode()))
        assert wire.closed_with() == 1000


def test_a_close_needs_no_code(connect: Opener):
    wire = connect()
    wire.send(closing())
    assert wire.closed_with() in (None, 1000)


@pytest.mark.parametrize("code", FORBIDDEN)
def test_a_code_that_none_may_send_is_an_error(connect: Opener, code: int):
    wire = connect()
    wire.send(closing(code, b"because"))
    assert wire.closed_with() == 1002


def test_a_code_that_was_registered_later_may_be_one_or_not(connect: Opener):
    """IANA has 1014 for gateways, which no client is."""
    wire = connect()
    wire.send(closing(1014))
    assert wire.closed_with() in (1000, 1002)


@pytest.mark.parametrize("byte", [b"\x00", b"\x03", b"\xff"])
def test_half_a_code_is_an_error(connect: Opener, byte: bytes):
    wire = connect()
    wire.send(frame(CLOSE, byte))
    assert wire.closed_with() == 1002


@pytest.mark.parametrize("reason", [b"\xff", b"ok \xe2\x82", b"\xed\xa0\x80", b"\xc0\x80", b"x" * 122 + b"\xc3"])
def test_a_reason_is_utf_8(connect: Opener, reason: bytes):
    wire = connect()
    wire.send(closing(1000, reason))
    assert wire.closed_with() == 1007


BEHIND = {
    "a ping": frame(PING, b"Are you there?"),
    "a message": frame(TEXT, PING_MESSAGE),
    "another close": closing(1001),
    "what is no frame": b"\xff" * 50,
    "a large message": frame(TEXT, padded(60_000)),
}


@pytest.mark.parametrize("name", BEHIND)
@pytest.mark.parametrize("together", [True, False])
def test_nothing_behind_a_close_is_looked_at(connect: Opener, name: str, together: bool):
    wire = connect()
    if together:
        wire.send(closing(1000) + BEHIND[name])
    else:
        wire.send_until_end(closing(1000), BEHIND[name])
    assert wire.closed_with() == 1000


def test_what_came_before_a_close_is_read(connect: Opener):
    wire = connect()
    wire.send(frame(PING, b"before"), frame(PONG), closing(1000))
    assert wire.pong() == b"before"
    assert wire.closed_with() == 1000


def test_a_close_may_stand_within_a_message(connect: Opener):
    wire = connect()
    wire.send(frame(TEXT, b"{", final=False), closing(1001))
    assert wire.closed_with() == 1000


def test_a_close_may_come_byte_by_byte(connect: Opener):
    wire = connect()
    wire.send_apart(*[bytes((byte,)) for byte in closing(3000, b"bye")])
    assert wire.closed_with() == 1000


def test_both_may_close_at_once(connect: Opener):
    """Each says it once, and waits for no answer to what crossed its own."""
    wire = connect.wire(head(("Origin", "https://evil.example")) + closing(1001))
    assert wire.hear_answer().status == 101
    assert wire.closed_with() in (1000, 4503)


def test_both_may_close_at_once_later(connect: Opener):
    wire = connect()
    wire.send(frame(TEXT) * 10, closing(1001))
    assert wire.hear_until_close() in (1000, 4522)


def test_an_answer_to_the_server_s_close_ends_the_connection(connect: Opener):
    """Whatever stood between the two is not answered."""
    wire = connect()
    wire.send(frame(TEXT) * 10)
    while (heard := wire.next()) is not None and heard.opcode != CLOSE:
        pass
    assert heard is not None
    assert heard.code == 4522
    wire.send_until_end(frame(PING, b"late"), frame(TEXT, PING_MESSAGE), closing(4522))
    assert wire.is_over()


HALVES = {
    "nothing": b"",
    "a message": frame(TEXT, PING_MESSAGE),
    "half a head": frame(TEXT, b"x" * 200)[:3],
    "half a frame": frame(TEXT, PING_MESSAGE)[:-3],
    "half a message": frame(TEXT, PING_MESSAGE, final=False),
    "half of 64 KiB": announced(TEXT, 60_000) + b"x" * 1000,
    "half a close": closing(1000)[:3],
    "a close": closing(1000),
    "what is no frame": b"\xff\xff",
}


@pytest.mark.parametrize("name", HALVES)
def test_the_end_of_the_client_s_half_ends_the_connection(connect: Opener, name: str):
    """There is no half a WebSocket: the server says what it has to say, and ends."""
    wire = connect()
    wire.send(HALVES[name])
    wire.end_half()
    while (heard := wire.next()) is not None:
        assert heard.opcode in (TEXT, CLOSE)
    assert wire.ended


@pytest.mark.parametrize("size", [0, 20, len(head()) - 1, len(head())])
def test_a_client_may_go_in_the_middle_of_the_handshake(connect: Opener, size: int):
    wire = connect.wire(head()[:size])
    wire.end_half()
    while wire.more():
        pass
    assert wire.ended


def test_nothing_is_left_of_who_goes(connect: Opener):
    """In every way, and in the middle of everything: the counts go back to what they were."""
    before = sockets(connect.edge)
    files = open_files(connect.edge)
    for sent in HALVES.values():
        for go in ("close", "reset"):
            wire = connect()
            wire.send(sent)
            getattr(wire, go)()
    for size in (0, 20, len(head())):
        for go in ("close", "reset"):
            getattr(connect.wire(head()[:size]), go)()
    until(lambda: sockets(connect.edge) <= before)
    until(lambda: open_files(connect.edge) <= files)


def test_errors_are_counted_by_their_codes(connect: Opener):
    def counted(code: int) -> int:
        with urllib.request.urlopen(f"{connect.edge.origin}/metrics") as answer:
            found = re.search(
                rf'^stop_press_closed_total\{{.*code="{code}".*\}} (\d+)\.0$', answer.read().decode(), re.M
            )
            return int(found[1]) if found else 0

    for sent, code in ((frame(3), 1002), (frame(TEXT, b"\xff"), 1007), (announced(TEXT, 1 << 40), 4509)):
        before = counted(code)
        wire = connect()
        wire.send(sent)
        assert wire.closed_with() == code
        assert counted(code) == before + 1
