"""The opening handshake, without a connection: what is taken, what is left to Daphne, and the answers."""

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.streams import StreamReader

from consumers.server.websocket import handshake
from tests.rfc6455.wire import ACCEPT, DEFLATE, KEY, head

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
USUAL = head()
BROWSER = head(
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)"),
    ("Origin", "http://127.0.0.1"),
    ("Cookie", "sessionid=abc; csrftoken=\xe9"),
    ("Sec-WebSocket-Extensions", DEFLATE),
    ("Sec-WebSocket-Protocol", "live, other"),
    line="GET /live/socket?a=b&c HTTP/1.1",
    Connection="keep-alive, Upgrade",
    Upgrade="WebSocket",
)


def test_what_browsers_send_is_taken():
    asked = handshake.read(BROWSER)
    assert asked is not None
    assert (asked.path, asked.query, asked.key) == (b"/live/socket", b"a=b&c", KEY.encode())
    assert (asked.offers, asked.subprotocols) == (DEFLATE.encode(), ["live", "other"])
    assert dict(asked.headers)[b"cookie"] == b"sessionid=abc; csrftoken=\xe9"


ODD = {
    "nothing": b"",
    "half of it": USUAL[:-1],
    "what comes behind it": USUAL + b"\x81",
    "another behind it": USUAL + USUAL,
    "a head that is too long": head(("X", "x" * handshake.LONGEST)),
    "HTTP/1.0": head(line="GET /live/socket HTTP/1.0"),
    "another method": head(line="POST /live/socket HTTP/1.1"),
    "a path with an escape": head(line="GET /live/%73ocket HTTP/1.1"),
    "a whole address": head(line="GET http://127.0.0.1/live/socket HTTP/1.1"),
    "a fragment": head(line="GET /live/socket?a#b HTTP/1.1"),
    "a line without a colon": USUAL[:-2] + b"colon\r\n\r\n",
    "a header without a name": head(("", "x")),
    "a name with a blank": head(("X Y", "x")),
    "a blank before the colon": head(("X ", "x")),
    "a line that goes on": USUAL[:-2] + b" x: y\r\n\r\n",
    "a line feed alone": head(("X", "a\nY: b")),
    "a zero": head(("X", "a\0b")),
    "a header twice": head(("Host", "127.0.0.1")),
    "a cookie twice": head(("Cookie", "a=b"), ("Cookie", "c=d")),
    "a body": head(("Content-Length", "1")),
    "chunks": head(("Transfer-Encoding", "chunked")),
    "an expectation": head(("Expect", "100-continue")),
    "a root for Daphne": head(("Daphne-Root-Path", "/x")),
    "no upgrade": head(without=["Upgrade"]),
    "an upgrade to something else": head(Upgrade="h2c"),
    "a connection that does not say it": head(Connection="keep-alive, upgrades"),
    "version 8": head(Sec_WebSocket_Version="8"),
    "version 013": head(Sec_WebSocket_Version="013"),
    "no host": head(without=["Host"]),
    "an empty host": head(Host=""),
    "a host with a name for a port": head(Host="a:http"),
    "two hosts": head(Host="a, b"),
    "no key": head(without=["Sec-WebSocket-Key"]),
    "a key of 15 bytes": head(Sec_WebSocket_Key="AAAAAAAAAAAAAAAAAAAA"),
    "a key with bits left over": head(Sec_WebSocket_Key=KEY[:-3] + "x=="),
    "extensions that do not parse": head(("Sec-WebSocket-Extensions", "permessage deflate")),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_odd_is_left_to_daphne(what: str):
    assert handshake.read(ODD[what]) is None


@unhurried
@given(st.binary(max_size=300))
def test_whatever_comes_is_taken_or_left(data: bytes):
    handshake.read(data)
    handshake.read(USUAL[:-2] + data + b"\r\n\r\n")


@unhurried
@given(st.lists(st.tuples(st.integers(0, len(BROWSER) - 1), st.binary(max_size=2)), max_size=3))
def test_what_is_taken_another_parser_reads_alike(damage: list[tuple[int, bytes]]):
    """So that nobody can hide in a head what a proxy in front of this saw in another way, or not at all."""
    data = bytearray(BROWSER)
    for place, instead in damage:
        data[place : place + 1] = instead
    asked = handshake.read(bytes(data))
    if asked is None:
        return
    path, headers = parsed(bytes(data))
    assert path.encode() == asked.path + (b"?" + asked.query if b"?" in data.partition(b" HTTP/")[0] else b"")
    assert [
        (name.lower().encode(), value.encode("utf-8", "surrogateescape")) for name, value in headers
    ] == asked.headers


def parsed(data: bytes) -> tuple[str, list[tuple[str, str]]]:
    """As the `websockets` library has it."""
    stream = StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    parsing: Generator[None, None, Request] = Request.parse(stream.read_line)
    try:
        while True:
            next(parsing)
    except StopIteration as end:
        return end.value.path, list(end.value.headers.raw_items())


def test_the_answers():
    opened = handshake.accepted(KEY.encode(), b"x; y", "live").decode()
    assert opened.startswith("HTTP/1.1 101 ")
    assert f"\r\nSec-WebSocket-Accept: {ACCEPT}\r\n" in opened
    assert opened.endswith("\r\nSec-WebSocket-Extensions: x; y\r\nSec-WebSocket-Protocol: live\r\n\r\n")
    plain = handshake.accepted(KEY.encode(), b"", None)
    assert b"Extensions" not in plain
    assert b"Protocol:" not in plain
    assert handshake.refused(403) == b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


OFFERS = {
    "": "",
    "x": "",
    "permessage-deflate": "",
    "permessage-deflate; client_max_window_bits": "",
    "permessage-deflate; client_max_window_bits=9": "",
    "permessage-deflate; server_max_window_bits=12": "; server_max_window_bits=12",
    'permessage-deflate; server_max_window_bits="15"': "; server_max_window_bits=15",
    "x; y=1, permessage-deflate": "",
    "permessage-deflate; server_max_window_bits=11, permessage-deflate": "",
}


@pytest.mark.parametrize("offers", OFFERS)
def test_each_message_is_compressed_by_itself_or_none(offers: str):
    answer = f"permessage-deflate; server_no_context_takeover{OFFERS[offers]}; client_no_context_takeover"
    assert handshake.compression(offers.encode()).decode() == (answer if "permessage-deflate" in offers else "")


@pytest.mark.parametrize(
    "parameter",
    [
        *(
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=11",
            "server_max_window_bits=012",
        ),
        *("client_max_window_bits=16", "client_max_window_bits=", "server_no_context_takeover=1", "z"),
        *(
            "client_max_window_bits; client_max_window_bits",
            "server_max_window_bits=+9",
            "server_max_window_bits=\u0661",
        ),
    ],
)
def test_an_offer_that_may_not_be_accepted_is_as_if_it_had_not_been_there(parameter: str):
    assert handshake.compression(f"permessage-deflate; {parameter}".encode()) == b""
