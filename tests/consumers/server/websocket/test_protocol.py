"""The protocol without I/O: its states, what each input yields, and that it needs nothing but bytes."""

import subprocess
import sys

import pytest

from consumers.access.rate_limits import TokenBucket
from consumers.server.websocket import handshake
from consumers.server.websocket.frame_parser import Message
from consumers.server.websocket.protocol import CLOSED, CLOSING, CONNECTING, OPEN, End, WebSocketProtocol
from tests.rfc6455.frames import CLOSE, PING, PONG, TEXT, Heard, closing, frame, parse
from tests.rfc6455.wire import ACCEPT, DEFLATE, head, offering

LIMIT = 1000


def connecting(sent: bytes = head(), frames: int = 0) -> WebSocketProtocol:
    """One whose client may send so many frames at once; 0 is no limit."""
    request = handshake.parse_request(sent)
    assert request is not None
    return WebSocketProtocol(request, LIMIT, TokenBucket(frames and 1, frames))


def opened(sent: bytes = head(), frames: int = 0) -> WebSocketProtocol:
    protocol = connecting(sent, frames)
    protocol.accept()
    return protocol


def the_frame(data: bytes) -> Heard:
    found = parse(data)
    assert found is not None
    assert found[1] == len(data), "one frame"
    return found[0]


def text(said: str) -> bytes:
    return frame(TEXT, said.encode())


def test_it_needs_no_transport_no_loop_and_no_settings():
    loaded = f"import sys; import {WebSocketProtocol.__module__}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "socket", "django", "twisted", "daphne"} & set(found)


class TestHandshake:
    def test_it_is_answered_once(self):
        protocol = connecting()
        assert protocol.state is CONNECTING
        assert f"Sec-WebSocket-Accept: {ACCEPT}".encode() in protocol.accept()
        assert protocol.state is OPEN
        assert (protocol.accept(), protocol.reject(403), protocol.state) == (b"", b"", OPEN)

    def test_its_answer_names_what_was_agreed(self):
        answer = connecting(offering(DEFLATE)).accept("live").decode()
        assert "Sec-WebSocket-Extensions: permessage-deflate;" in answer
        assert "Sec-WebSocket-Protocol: live\r\n" in answer

    def test_one_that_is_refused_is_over(self):
        protocol = connecting()
        assert protocol.reject(503).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert protocol.state is CLOSED
        assert (protocol.accept(), protocol.close(1000), protocol.ping()) == (b"", b"", b"")
        assert list(protocol.receive(text("a"))) == []

    def test_messages_may_come_before_the_answer_and_pings_have_none_then(self):
        protocol = connecting()
        assert [said.text for said in protocol.receive(text("a") + frame(PING, b"b"))] == ["a"]
        assert protocol.state is CONNECTING

    @pytest.mark.parametrize("sent", [closing(1000), frame(TEXT, b"x", mask=None), text("x") * 3])
    def test_an_end_before_the_answer_refuses_it(self, sent: bytes):
        protocol = connecting(frames=2)
        *_, end = protocol.receive(sent)
        assert isinstance(end, End)
        assert (end.data[:12], end.failure, protocol.state) == (b"HTTP/1.1 400", None, CLOSED)


class TestOpen:
    def test_it_yields_what_the_client_sent_in_order(self):
        protocol = opened()
        first, pong, second = protocol.receive(text("one") + frame(PING, b"are you there?") + frame(2, b"two"))
        assert (first.text, second.payload) == ("one", b"two")
        assert (the_frame(pong).opcode, the_frame(pong).payload) == (PONG, b"are you there?")

    def test_frames_may_come_in_any_pieces(self):
        protocol = opened()
        sent = text("one") + frame(PING) + text("two")
        events = [event for at in range(len(sent)) for event in protocol.receive(sent[at : at + 1])]
        assert [type(event) for event in events] == [Message, bytes, Message]

    def test_an_unasked_pong_is_nothing_to_anybody(self):
        assert list(opened().receive(frame(PONG, b"hello"))) == []

    def test_it_pings(self):
        assert the_frame(opened().ping()).opcode == PING


class TestClosing:
    def test_the_server_starts(self):
        protocol = opened()
        heard = the_frame(protocol.close(4401, "x" * 200))
        assert (heard.opcode, heard.code, len(heard.payload)) == (CLOSE, 4401, 125)
        assert (protocol.state, protocol.close(4012), protocol.ping()) == (CLOSING, b"", b"")
        assert list(protocol.receive(text("late") + frame(PING))) == []
        assert list(protocol.receive(closing(4401) + text("behind"))) == [End(b"", None)]
        assert protocol.state is CLOSED

    def test_the_client_starts(self):
        protocol = opened()
        (end,) = protocol.receive(closing(1001) + text("behind"))
        assert isinstance(end, End)
        assert (the_frame(end.data).code, end.failure, protocol.state) == (1000, None, CLOSED)
        assert list(protocol.receive(text("later"))) == []

    def test_a_connection_that_is_lost_is_closed(self):
        protocol = opened()
        protocol.connection_lost()
        assert (protocol.state, protocol.close(1000)) == (CLOSED, b"")


class TestFailure:
    @pytest.mark.parametrize(
        ("sent", "code"),
        [
            (frame(TEXT, b"x", mask=None), 1002),
            (closing(1005), 1002),
            (frame(TEXT, b"\xff"), 1007),
            (text("x" * (LIMIT + 1)), 4509),
            (text("x") * 4, 4029),
            (frame(PING) * 4, 4029),
        ],
    )
    def test_the_connection_fails_with_its_code_and_nothing_behind_is_read(self, sent: bytes, code: int):
        protocol = opened(frames=3)
        *_, end = protocol.receive(sent + text("behind"))
        assert isinstance(end, End)
        assert (the_frame(end.data).code, end.failure, protocol.state) == (code, code, CLOSED)
        assert list(protocol.receive(closing(1000))) == []

    def test_no_second_close_frame_is_sent(self):
        protocol = opened()
        protocol.close(4401)
        assert list(protocol.receive(frame(TEXT, b"x", mask=None))) == [End(b"", 1002)]

    def test_an_application_may_fail_it_between_two_messages(self):
        protocol = opened()
        events = protocol.receive(text("one") + text("two"))
        assert isinstance(next(events), Message)
        assert protocol.fail(4029, "Too much.").failure == 4029
        assert list(events) == []
