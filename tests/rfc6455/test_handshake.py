"""The opening handshake (RFC 6455, 4): what opens a socket, what does not, and what the answer says."""

import base64
import random

import pytest

from tests.rfc6455.conftest import Opener
from tests.rfc6455.frames import PING, TEXT, frame, masked
from tests.rfc6455.handshakes import EITHER, ODD_ORIGIN, OPEN, ORIGIN, PAGES, REFUSED, outcome
from tests.rfc6455.wire import KEY, Connection, accept_of, head

CASES = {name: bytes_ for cases in (OPEN, ORIGIN, ODD_ORIGIN, REFUSED, PAGES, EITHER) for name, bytes_ in cases.items()}


def check(connect: Opener, name: str, *right: str) -> None:
    assert outcome(connect.wire(CASES[name])) in right


@pytest.mark.parametrize("name", OPEN)
def test_it_opens_a_socket(connect: Opener, name: str):
    check(connect, name, "open")


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(connect: Opener, name: str):
    """With an answer, or without one where nothing is to be made of what came; and the connection ends."""
    check(connect, name, "refused", "cut")


@pytest.mark.parametrize("name", PAGES)
def test_it_asks_for_a_page(connect: Opener, name: str):
    check(connect, name, "page", "refused")


@pytest.mark.parametrize("name", EITHER)
def test_it_is_refused_or_opens_a_socket(connect: Opener, name: str):
    check(connect, name, "open", "refused", "cut")


@pytest.mark.parametrize("name", ORIGIN)
def test_a_page_of_another_site_is_told_so(connect: Opener, name: str):
    """In a close frame, which its author can see (docs/protocol.md)."""
    check(connect, name, "origin")


@pytest.mark.parametrize("name", ODD_ORIGIN)
def test_an_origin_that_is_none_hears_nothing(connect: Opener, name: str):
    check(connect, name, "origin", "refused")


@pytest.mark.parametrize("version", ["0", "7", "8", "12", "14", "255"])
def test_who_asks_for_another_version_is_told_ours(connect: Opener, version: str):
    """RFC 6455, 4.4."""
    answer = connect.asked(head(Sec_WebSocket_Version=version)).answer
    assert answer.status in (400, 426)
    assert answer.one("sec-websocket-version") == "13"


def test_the_answer_proves_that_the_key_was_read(connect: Opener):
    random_ = random.Random(6455)
    for key in (KEY, *[base64.b64encode(random_.randbytes(16)).decode() for _ in range(5)]):
        answer = connect.asked(head(Sec_WebSocket_Key=key)).answer
        assert answer.one("sec-websocket-accept") == accept_of(key)


def test_a_head_may_come_byte_by_byte(connect: Opener):
    wire = connect.wire()
    wire.send_apart(*[bytes((byte,)) for byte in head()])
    assert outcome(wire) == "open"


def test_a_head_may_come_in_any_two_pieces(connect: Opener):
    whole = head()
    for cut in (1, 3, whole.index(b"\r\n") + 1, whole.index(b"Sec-") + 20, len(whole) - 3, len(whole) - 1):
        wire = connect.wire()
        wire.send_apart(whole[:cut], whole[cut:])
        assert outcome(wire) == "open", cut


PAGE = b"GET /live/log?topic=front HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_a_connection_that_was_used_for_pages_may_become_a_socket(connect: Opener):
    """As a proxy does that keeps its connections."""
    wire = connect.wire()
    for _ in range(2):
        wire.send(PAGE)
        assert b"position" in wire.hear_page()
    wire.send(head())
    assert outcome(wire) == "open"


@pytest.mark.parametrize("usual", [True, False])
def test_a_handshake_may_wait_behind_requests_for_pages(connect: Opener, usual: bool):
    """With the frames behind it, all in one packet."""
    asks = head() if usual else head(("Cookie", "a=b"), ("Cookie", "c=d"))
    wire = connect.wire(PAGE + PAGE + asks + frame(PING, b"GET / HTTP/1.1\r\n\r\n"))
    for _ in range(2):
        assert b"position" in wire.hear_page()
    _hears_all(wire, b"GET / HTTP/1.1\r\n\r\n")
    assert wire.still_answers()


def test_nothing_is_heard_behind_a_refused_handshake(connect: Opener):
    wire = connect.wire(head(Sec_WebSocket_Key="x") + PAGE + head())
    assert wire.hear_answer().status == 400
    while wire.more():
        pass
    assert b"HTTP/1.1" not in wire._heard


@pytest.mark.parametrize(
    ("name", "status"),
    [
        *[(name, 405) for name in ("POST", "HEAD", "get", "OPTIONS")],
        *[(name, 426) for name in ("version 8", "version 0", "version 14", "version 255")],
        *[(name, 400) for name in ("no version", "two keys", "no Connection", "no Host", "HTTP/1.0", "a body")],
        ("a path with parameters", 403),
    ],
)
def test_a_refusal_has_its_status(connect: Opener, name: str, status: int):
    assert connect.asked(REFUSED[name]).answer.status == status


def _hears_all(wire: Connection, said: bytes) -> None:
    """The welcome, the answer to a frame, and the pong: in an order that the handshake leaves open."""
    wire.hear_answer()
    heard = {(frame.opcode, frame.payload.partition(b",")[0]) for frame in (wire.next(), wire.next()) if frame}
    assert heard == {(TEXT, b'{"type":"welcome"'), (0xA, said)}


def test_frames_may_come_in_one_packet_with_the_head(connect: Opener):
    """A client ought to wait for the answer (4.1); some do not, and no proxy keeps packets apart."""
    _hears_all(connect.wire(head() + frame(PING, b"early")), b"early")


def test_frames_that_do_not_wait_are_no_second_head(connect: Opener):
    said = masked(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    for whole in (head() + frame(PING, said), head() + frame(PING, said, mask=b"\0\0\0\0")):
        for cut in (len(head()) - 1, len(head()), len(head()) + 1, len(head()) + 10):
            wire = connect.wire()
            wire.send_apart(whole[:cut], whole[cut:])
            _hears_all(wire, said)


def test_a_frame_may_be_cut_by_the_packet_with_the_head(connect: Opener):
    whole = head() + frame(PING, b"early")
    wire = connect.wire(whole[:-3])
    assert wire.hear_answer().status == 101
    assert wire.hear()["type"] == "welcome"
    wire.send(whole[-3:])
    assert wire.pong() == b"early"


def test_a_second_handshake_is_no_frame(connect: Opener):
    wire = connect()
    wire.send(head())
    assert wire.closed_with() == 1002
