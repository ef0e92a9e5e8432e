"""Messages (RFC 6455, 5.4 to 5.6, 8.1): in pieces, in any script, and none that is too large."""

import pytest

from tests.rfc6455.conftest import Opener
from tests.rfc6455.frames import BINARY, CONTINUATION, PING, PONG, TEXT, announced, frame, in_pieces
from tests.rfc6455.messages import LIMIT, PING_MESSAGE, echo, echoed, padded

SCRIPTS = "/ aß\u07ff\u0800€\ud7ff\ue000\uffff\U00010000😀\U0010ffff\u0000\ufeff"  # each width of UTF-8 at its edges

NOT_UTF_8 = {
    "a byte that none begins with": b"\xff",
    "a continuation alone": b"\x80",
    "two bytes for a zero": b"\xc0\x80",
    "two bytes for a slash": b"\xc1\xaf",
    "three bytes for a slash": b"\xe0\x80\xaf",
    "three bytes for the last of two": b"\xe0\x9f\xbf",
    "four bytes for the last of three": b"\xf0\x8f\xbf\xbf",
    "half a surrogate pair, the first": b"\xed\xa0\x80",
    "half a surrogate pair, the last": b"\xed\xbf\xbf",
    "a surrogate pair": b"\xed\xa0\xbd\xed\xb8\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "far beyond Unicode": b"\xf7\xbf\xbf\xbf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "six bytes": b"\xfc\x84\x80\x80\x80\x80",
    "cut by a letter": b"\xe2\x82x",
    "cut by another": b"\xf0\x9f\x98\xe2\x82\xac",
    "cut by the end, of two": b"\xc3",
    "cut by the end, of three": b"\xe2\x82",
    "cut by the end, of four": b"\xf0\x9f\x98",
}


@pytest.mark.parametrize("name", NOT_UTF_8)
def test_text_is_utf_8(connect: Opener, name: str):
    """In one frame, in one for each byte, and where the rest never comes."""
    text = b"ok \xe2\x82\xac " + NOT_UTF_8[name]
    for pieces in ([frame(TEXT, text)], in_pieces(TEXT, *[text[n : n + 1] for n in range(len(text))])):
        wire = connect()
        wire.send(*pieces)
        assert wire.closed_with() == 1007


def test_a_frame_is_not_judged_for_what_the_next_may_end(connect: Opener):
    wire = connect()
    message = echo("/€")
    at = message.index("€".encode())
    for cut in (at + 1, at + 2):
        wire.send(frame(TEXT, message[:cut], final=False))
        assert wire.still_answers()
        wire.send(frame(CONTINUATION, message[cut:]))
        assert echoed(wire.hear()) == "/€"


def test_every_script_arrives(connect: Opener):
    wire = connect()
    for text in (SCRIPTS, SCRIPTS * 100, "/" + "\U0010ffff" * 15_000):
        wire.send(frame(TEXT, echo(text)))
        assert echoed(wire.hear()) == text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_message_may_have_any_pieces(connect: Opener, size: int):
    """Cut within characters, too."""
    text = "/" + "ß€😀"[: size + 1]
    message = echo(text)
    wire = connect()
    start = message.index(b"/")
    wire.send(*in_pieces(TEXT, message[:start], *[message[n : n + size] for n in range(start, len(message), size)]))
    assert echoed(wire.hear()) == text


def test_pieces_may_be_empty(connect: Opener):
    wire = connect()
    wire.send(*in_pieces(TEXT, b"", b"", PING_MESSAGE[:5], b"", PING_MESSAGE[5:], b"", b""))
    assert wire.hear()["type"] == "pong"


def test_a_message_may_be_empty(connect: Opener):
    """It is a message all the same, and none that docs/protocol.md knows."""
    wire = connect()
    for sent in (frame(TEXT), b"".join(in_pieces(TEXT, b"", b"")), frame(BINARY)):
        wire.send(sent)
        assert wire.hear()["code"] == "bad-message"


def test_binary_messages_are_bad_ones(connect: Opener):
    """Whatever they are, in pieces or not; they need not be UTF-8."""
    wire = connect()
    for sent in (frame(BINARY, PING_MESSAGE), frame(BINARY, b"\xff\0"), b"".join(in_pieces(BINARY, b"\xc3", b"\xff"))):
        wire.send(sent)
        assert wire.hear()["code"] == "bad-message"
    wire.send(frame(TEXT, PING_MESSAGE))
    assert wire.hear()["type"] == "pong"


def test_control_frames_may_stand_between_pieces(connect: Opener):
    """And are answered before the message is whole."""
    wire = connect()
    wire.send(frame(TEXT, PING_MESSAGE[:4], final=False), frame(PING, b"one"), frame(PONG, b"nobody asked"))
    assert wire.pong() == b"one"
    wire.send(frame(CONTINUATION, PING_MESSAGE[4:8], final=False), frame(PING, b"two"))
    assert wire.pong() == b"two"
    wire.send(frame(CONTINUATION, PING_MESSAGE[8:]))
    assert wire.hear()["type"] == "pong"


def test_a_ping_may_come_within_a_frame_s_pieces_of_tcp(connect: Opener):
    """No: it would be part of the frame. The bytes of one frame are its own, whatever they look like."""
    wire = connect()
    inside = frame(PING, b"x" * 10).decode("latin-1").encode()
    message = echo("/" + inside.decode())
    wire.send_apart(*[frame(TEXT, message, mask=b"\0\0\0\0")[n : n + 7] for n in range(0, len(message) + 6, 7)])
    assert echoed(wire.hear()) == "/" + inside.decode()


TOO_LARGE = {
    "by a byte": frame(TEXT, padded(LIMIT + 1)),
    "binary, by a byte": frame(BINARY, b"x" * (LIMIT + 1)),
    "announced, and nothing sent": announced(TEXT, LIMIT + 1),
    "announced as all that 63 bits hold": announced(TEXT, (1 << 63) - 1),
    "in two pieces": b"".join(in_pieces(TEXT, b" " * LIMIT, b"x")),
    "in two halves": b"".join(in_pieces(TEXT, b" " * 40_000, b" " * 40_000)),
    "with a piece announced": frame(TEXT, b" " * LIMIT, final=False) + announced(CONTINUATION, 1, 7),
    "in 17 pieces": b"".join(in_pieces(BINARY, *[b"x" * 4096] * 17)),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_too_much_is_refused_before_it_is_read(connect: Opener, name: str):
    wire = connect()
    wire.send(TOO_LARGE[name])
    assert wire.closed_with() == 4509


def test_as_much_as_allowed_may_come_in_pieces(connect: Opener):
    wire = connect()
    whole = padded(LIMIT)
    wire.send(*in_pieces(TEXT, *[whole[n : n + 4096] for n in range(0, LIMIT, 4096)], b""))
    assert wire.hear()["type"] == "pong"


def test_the_limit_is_a_message_s_not_the_connection_s(connect: Opener):
    wire = connect()
    for _ in range(4):
        wire.send(frame(TEXT, padded(LIMIT)))
        assert wire.hear()["type"] == "pong"


def test_half_a_message_is_no_message(connect: Opener):
    wire = connect()
    wire.send(frame(TEXT, PING_MESSAGE, final=False))
    assert wire.still_answers()
    wire.send(frame(CONTINUATION))
    assert wire.hear()["type"] == "pong"
