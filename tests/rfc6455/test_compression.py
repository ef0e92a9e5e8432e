"""permessage-deflate (RFC 7692): what is negotiated, and what a client may then send."""

import pytest

from tests.rfc6455.conftest import Opener
from tests.rfc6455.deflating import WAYS, Talker, compressed, finished
from tests.rfc6455.frames import BINARY, CLOSE, CONTINUATION, PING, RSV1, TEXT, frame, in_pieces
from tests.rfc6455.messages import LIMIT, PING_MESSAGE, echo, echoed, padded
from tests.rfc6455.wire import DEFLATE, Answer, Connection, offering

NAME = "permessage-deflate"
NEITHER_KEEPS = {"server_no_context_takeover": "", "client_no_context_takeover": ""}
TEXT_TO_PRESS = "/" + "All night it held, and in the morning the tide was out. € " * 20

# the parameters of the answer, besides NEITHER_KEEPS
ACCEPTED: dict[str, tuple[list[str], dict[str, str]]] = {
    "bare": ([NAME], {}),
    "as browsers do": ([DEFLATE], {}),
    "as the websockets library does": (
        [f"{NAME}; server_max_window_bits=12; client_max_window_bits=12"],
        {"server_max_window_bits": "12"},
    ),
    "with a window of 15": ([f"{NAME}; server_max_window_bits=15"], {"server_max_window_bits": "15"}),
    "all parameters": (
        [f"{NAME}; client_no_context_takeover; server_no_context_takeover; client_max_window_bits=15"],
        {},
    ),
    "quoted": ([f'{NAME}; server_max_window_bits="12"'], {"server_max_window_bits": "12"}),
    "spaced": ([f" {NAME} ;\tserver_max_window_bits = 12 "], {"server_max_window_bits": "12"}),
    "behind one that nobody knows": ([f'x-unknown; a=b; c="d", {NAME}'], {}),
    "in a second header": (["x-unknown", DEFLATE], {}),
    "behind one with a parameter that nobody knows": ([f"{NAME}; unknown, {NAME}"], {}),
    "behind one with too small a window": ([f"{NAME}; server_max_window_bits=8, {NAME}"], {}),
    "the first of two": ([f"{NAME}; server_max_window_bits=13, {NAME}"], {"server_max_window_bits": "13"}),
    "in a list with holes": ([f", ,{NAME},"], {}),
}

DECLINED = {
    "none": [],
    "another": ["x-webkit-deflate-frame"],
    "one that autobahn knows": ["permessage-bzip2; client_max_compress_level=9"],
    "another that autobahn knows": ["permessage-snappy"],
    "a parameter that nobody knows": [f"{NAME}; unknown"],
    "a parameter that nobody knows, with a value": [f"{NAME}; unknown=1"],
    "a parameter twice": [f"{NAME}; client_no_context_takeover; client_no_context_takeover"],
    "another parameter twice": [f"{NAME}; server_max_window_bits=12; server_max_window_bits=12"],
    "a value where none belongs": [f"{NAME}; client_no_context_takeover=1"],
    "a value where none belongs, server": [f"{NAME}; server_no_context_takeover=true"],
    "no value where one belongs": [f"{NAME}; server_max_window_bits"],
    **{f"a server's window of {bits}": [f"{NAME}; server_max_window_bits={bits}"] for bits in ("7", "16", "0", "x")},
    **{f"a client's window of {bits}": [f"{NAME}; client_max_window_bits={bits}"] for bits in ("7", "16", "0", "x")},
    "a window that we have not": [f"{NAME}; server_max_window_bits=8"],
}

MALFORMED = {
    "only a semicolon": [";"],
    "two words": ["permessage deflate"],
    "a parameter of two words": [f"{NAME}; a b"],
    "no parameter": [f"{NAME};"],
    "a hole among parameters": [f"{NAME};;client_max_window_bits"],
    "no value": [f"{NAME}; client_max_window_bits="],
    "no name": [f"{NAME}; =12"],
    "a quote that is open": [f'{NAME}; client_max_window_bits="12'],
    "a quote of two words": [f'{NAME}; x="1 2"'],
    "an empty quote": [f'{NAME}; x=""'],
    "beyond ASCII": [f"{NAME}; client_max_window_bits=\xb2"],
    "a slash": ["permessage/deflate"],
    "behind a right one": [DEFLATE, "a b"],
    "behind holes without number": [",   " * 200 + "="],  # nobody may be kept waiting for this verdict
}


def negotiated(answer: Answer) -> dict[str, str] | None:
    """The parameters that the server answers with; None where it declines."""
    agreed = answer.one("sec-websocket-extensions")
    if agreed is None:
        return None
    name, *parameters = [part.strip() for part in agreed.split(";")]
    assert name == NAME
    pairs = [parameter.partition("=") for parameter in parameters]
    assert len({pair[0] for pair in pairs}) == len(pairs), agreed
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("name", ACCEPTED)
def test_an_offer_is_accepted(connect: Opener, name: str):
    """No side keeps a context, asked or not (7.1.1); the window is the one that was asked for, at most."""
    offers, more = ACCEPTED[name]
    wire = connect.asked(offering(*offers))
    assert wire.answer.status == 101
    assert negotiated(wire.answer) == NEITHER_KEEPS | more
    assert wire.hear()["type"] == "welcome"
    wire.send(frame(TEXT, compressed(echo("/yes")), rsv=RSV1))
    assert echoed(wire.hear()) == "/yes"


@pytest.mark.parametrize("name", DECLINED)
def test_an_offer_is_declined(connect: Opener, name: str):
    """And the socket opens without compression: a reserved bit is an error then."""
    wire = connect.asked(offering(*DECLINED[name]))
    assert wire.answer.status == 101
    assert negotiated(wire.answer) is None
    assert wire.hear()["type"] == "welcome"
    wire.send(frame(TEXT, compressed(PING_MESSAGE), rsv=RSV1))
    assert wire.closed_with() == 1002


@pytest.mark.parametrize("name", MALFORMED)
def test_what_does_not_parse_is_refused(connect: Opener, name: str):
    """RFC 6455, 9.1."""
    assert connect.asked(offering(*MALFORMED[name])).answer.status == 400


@pytest.fixture
def wire(connect: Opener) -> Connection:
    return connect(("Sec-WebSocket-Extensions", DEFLATE))


@pytest.mark.parametrize("name", WAYS)
def test_a_text_may_be_compressed_in_any_way(wire: Connection, name: str):
    for text in (TEXT_TO_PRESS, "/a", "/" + "b" * 1000):
        wire.send(frame(TEXT, WAYS[name](echo(text)), rsv=RSV1))
        assert echoed(wire.hear()) == text


def test_a_text_may_be_plain_all_the_same(wire: Connection):
    for text in ("/a", TEXT_TO_PRESS):
        wire.send(frame(TEXT, echo(text)))
        wire.send(frame(TEXT, compressed(echo(text)), rsv=RSV1))
        assert [echoed(wire.hear()) for _ in range(2)] == [text] * 2


@pytest.mark.parametrize("payload", [b"\x00", b"", b"\x02\x00", b"\x00\x00\x00\xff\xff", b"\x03\x00"])
def test_nothing_may_be_compressed(wire: Connection, payload: bytes):
    """An empty message (7.2.3.6), which is none of docs/protocol.md; and the next is another."""
    wire.send(frame(TEXT, payload, rsv=RSV1), frame(TEXT, compressed(PING_MESSAGE), rsv=RSV1))
    assert [wire.hear()["type"] for _ in range(2)] == ["error", "pong"]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_compressed_message_may_have_any_pieces(wire: Connection, size: int):
    """The bit is the first's; control frames between are not compressed."""
    payload = compressed(echo("/tide"))
    pieces = [payload[n : n + size] for n in range(0, len(payload), size)][:40]
    pieces[-1:] = [payload[len(b"".join(pieces[:-1])) :]]
    first, *rest = in_pieces(TEXT, *pieces, rsv=RSV1)
    wire.send(first, frame(PING, b"between"), *rest)
    assert wire.pong_and_message() == (b"between", "subscribed")


def test_pieces_of_a_compressed_message_may_be_empty(wire: Connection):
    payload = compressed(PING_MESSAGE)
    wire.send(*in_pieces(TEXT, b"", payload, b"", b"", rsv=RSV1))
    assert wire.hear()["type"] == "pong"


def test_a_compressed_binary_message_is_a_bad_one(wire: Connection):
    wire.send(frame(BINARY, compressed(b"\xff" * 100), rsv=RSV1))
    assert wire.hear()["code"] == "bad-message"


@pytest.mark.parametrize(
    "sent",
    [
        frame(TEXT, b"x", final=False) + frame(CONTINUATION, b"x", rsv=RSV1),
        frame(TEXT, compressed(b"x"), final=False, rsv=RSV1) + frame(CONTINUATION, b"x", rsv=RSV1),
        frame(PING, compressed(b"x"), rsv=RSV1),
        frame(CLOSE, rsv=RSV1),
    ],
    ids=["a continuation", "a continuation of a compressed one", "a ping", "a close"],
)
def test_the_bit_belongs_to_the_first_frame_of_a_message_only(wire: Connection, sent: bytes):
    wire.send(sent)
    assert wire.closed_with() == 1002


GARBAGE = {
    "no block": b"\xff\xff\xff\xff",
    "a block of the reserved kind": b"\x07",
    "a stored block of two lengths": b"\x00\x05\x00\x00\x00hello",
    "a distance beyond what was said": Talker()(b"") + b"\x4b\x84\x01\x00",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_what_cannot_be_inflated_is_no_payload(wire: Connection, name: str, opcode: int):
    wire.send(frame(opcode, GARBAGE[name], rsv=RSV1))
    assert wire.closed_with() == 1007


def test_a_context_that_was_refused_is_not_there(wire: Connection):
    """The second text refers to the first, which nobody has kept."""
    say = Talker()
    wire.send(frame(TEXT, say(echo(TEXT_TO_PRESS)), rsv=RSV1))
    assert echoed(wire.hear()) == TEXT_TO_PRESS
    wire.send(frame(TEXT, say(echo(TEXT_TO_PRESS)), rsv=RSV1))
    assert wire.closed_with() == 1007


def test_what_follows_a_finished_text_is_not_lost_in_silence(wire: Connection):
    """Blocks may come behind a last one (7.2.1): they are read, or it is an error."""
    wire.send(frame(TEXT, finished(PING_MESSAGE) + compressed(b"and more"), rsv=RSV1))
    heard = wire.next()
    assert heard is not None
    assert heard.code == 1007 if heard.opcode == CLOSE else '"bad-message"' in heard.text, heard


@pytest.mark.parametrize("cut", [3, 5, 10, 20])
def test_half_a_compressed_text_is_no_text(wire: Connection, cut: int):
    wire.send(frame(TEXT, compressed(echo(TEXT_TO_PRESS))[:-cut], rsv=RSV1))
    heard = wire.next()
    assert heard is not None
    assert heard.code == 1007 if heard.opcode == CLOSE else '"bad-message"' in heard.text, heard


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"x" * 1000 + b"\xc3"])
def test_what_was_inflated_is_utf_8(wire: Connection, text: bytes):
    wire.send(frame(TEXT, compressed(text), rsv=RSV1))
    assert wire.closed_with() == 1007


@pytest.mark.parametrize("size", [LIMIT - 300, LIMIT - 1, LIMIT])
def test_as_much_as_allowed_may_be_inflated(wire: Connection, size: int):
    for level in (1, 9):
        wire.send(frame(TEXT, compressed(padded(size), level), rsv=RSV1))
        assert wire.hear()["type"] == "pong"


BOMBS = {
    "one byte too many": compressed(padded(LIMIT + 1)),
    "257 bytes too many": compressed(padded(LIMIT + 257)),
    "10 MB": compressed(b" " * 10_000_000, 9),
    "not UTF-8 at its end, which is not reached": compressed(b" " * 10_000_000 + b"\xff", 9),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("pieces", [1, 3])
def test_too_much_is_not_inflated(wire: Connection, name: str, pieces: int):
    bomb = BOMBS[name]
    size = -(-len(bomb) // pieces)
    wire.send(*in_pieces(TEXT, *[bomb[n : n + size] for n in range(0, len(bomb), size)], rsv=RSV1))
    assert wire.closed_with() == 4509
