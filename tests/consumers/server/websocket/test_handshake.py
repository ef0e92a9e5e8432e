"""The opening handshake, without a connection: what is usual, what is judged, and the answers."""

from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.streams import StreamReader

from consumers.server.websocket import handshake
from consumers.server.websocket.handshake import HandshakeError, HandshakeRequest
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
    asked = handshake.parse_request(BROWSER)
    assert asked is not None
    assert (asked.path, asked.query, asked.key) == ("/live/socket", b"a=b&c", KEY.encode())
    assert (asked.extension, asked.subprotocols) == (handshake.compression(DEFLATE.encode()), ["live", "other"])
    assert dict(asked.headers)[b"cookie"] == b"sessionid=abc; csrftoken=\xe9"


UNUSUAL = {
    "nothing": b"",
    "half of it": USUAL[:-1],
    "what comes behind it": USUAL + b"\x81",
    "another behind it": USUAL + USUAL,
    "a head that is too long": head(("X", "x" * handshake.MAX_USUAL_BYTES)),
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


@pytest.mark.parametrize("what", UNUSUAL)
def test_what_is_unusual_is_left_to_the_parser_of_http(what: str):
    assert handshake.parse_request(UNUSUAL[what]) is None


@unhurried
@given(st.binary(max_size=300))
def test_whatever_comes_is_taken_or_left(data: bytes):
    handshake.parse_request(data)
    handshake.parse_request(USUAL[:-2] + data + b"\r\n\r\n")


@unhurried
@given(st.lists(st.tuples(st.integers(0, len(BROWSER) - 1), st.binary(max_size=2)), max_size=3))
def test_what_is_taken_another_parser_reads_alike(damage: list[tuple[int, bytes]]):
    """So that nobody can hide in a head what a proxy in front of this saw in another way, or not at all."""
    data = bytearray(BROWSER)
    for place, instead in damage:
        data[place : place + 1] = instead
    asked = handshake.parse_request(bytes(data))
    if asked is None:
        return
    path, headers = parsed(bytes(data))
    assert path.encode() == asked.raw_path + (b"?" + asked.query if b"?" in data.partition(b" HTTP/")[0] else b"")
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


Lines = list[tuple[bytes, bytes]]
LINES: Lines = [
    (b"host", b"127.0.0.1:8000"),
    (b"upgrade", b"h2c, WebSocket"),
    (b"connection", b"keep-alive"),
    (b"connection", b"UPGRADE"),
    (b"sec-websocket-key", KEY.encode()),
    (b"sec-websocket-version", b"13"),
]


def judged(
    *more: tuple[bytes, bytes],
    method: bytes = b"GET",
    target: bytes = b"/live/socket",
    version: bytes = b"HTTP/1.1",
    has_body: bool = False,
    **instead: bytes,
) -> HandshakeRequest:
    """What becomes of LINES with others `instead`, and `more` of them."""
    names = {name.replace("_", "-").encode(): value for name, value in instead.items()}
    lines = [(name, names.get(name, value)) for name, value in LINES]
    return handshake.judge(method, target, version, [*lines, *more], has_body)


def refusal(*more: tuple[bytes, bytes], **about: Any) -> dict[str, str]:
    """The status of a refusal, and its headers."""
    with pytest.raises(HandshakeError) as refused:
        judged(*more, **about)
    head, _, body = refused.value.answer.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ") for line in lines)
    assert headers["Content-Length"] == str(len(body))
    return {"status": first.split(" ")[1], **headers}


@pytest.mark.parametrize(
    ("upgrades", "asks"),
    [
        ([], False),
        ([b""], False),
        ([b"h2c"], False),
        ([b"websocket13"], False),
        ([b"websocket"], True),
        ([b"h2c,\tWEBsocket ,"], True),
        ([b"h2c", b"websocket"], True),
    ],
)
def test_a_websocket_is_asked_for_in_any_spelling(upgrades: list[bytes], asks: bool):
    assert handshake.is_requested([(b"host", b"websocket"), *[(b"upgrade", each) for each in upgrades]]) is asks


def test_what_is_unusual_and_right_is_granted():
    asked = judged((b"cookie", b"a=b"), (b"cookie", b"c=d"), target=b"/live/s%6fcket?a=%ff&b?")
    assert (asked.path, asked.raw_path, asked.query) == ("/live/socket", b"/live/s%6fcket", b"a=%ff&b?")
    assert asked.key == KEY.encode()
    assert asked.headers[-2:] == [(b"cookie", b"a=b"), (b"cookie", b"c=d")]


def test_the_lines_of_a_list_are_one_list():
    asked = judged(
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"sec-websocket-protocol", b"\xe9"),
        (b"sec-websocket-extensions", b"x"),
        (b"sec-websocket-extensions", DEFLATE.encode()),
    )
    assert asked.subprotocols == ["chat", "superchat", "\xe9"]
    assert asked.extension == handshake.compression(DEFLATE.encode())


@pytest.mark.parametrize("target", [b"http://example.org:81/live/socket?x", b"HTTPS://example.org:81/live/socket?x"])
def test_the_host_of_an_address_stands_for_the_header(target: bytes):
    """RFC 9112, 3.2.2."""
    asked = judged(target=target)
    assert (asked.path, asked.query) == ("/live/socket", b"x")
    assert [value for name, value in asked.headers if name == b"host"] == [b"example.org:81"]
    assert judged(target=b"http://[::1]").path == "/"


@pytest.mark.parametrize(
    "target",
    [
        *(b"", b"*", b"live/socket", b"?x", b"/#a", b"/?a#b", b"/\xf6", b"/?\xf6", b"/ x", b"127.0.0.1:80"),
        *(b"http://", b"http:///x", b"http://a@b/", b"http://a:b/", b"ws://x/", b"http://?x"),
    ],
)
def test_a_target_that_is_none_is_400(target: bytes):
    assert refusal(target=target)["status"] == "400"


@pytest.mark.parametrize("host", [b"", b"a", b"a.example:80", b"[::1]:80", b"a_b", b"xn--9ca.example", b"a:"])
def test_one_host_of_any_sort_is_a_host(host: bytes):
    assert judged(host=host)


@pytest.mark.parametrize("host", [b"a b", b"a,b", b"a@b", b"a:http", b"[::1", b"\xe9.example", b"a/b", b"http://a"])
def test_a_host_that_is_none_is_400(host: bytes):
    assert refusal(host=host)["status"] == "400"
    assert refusal((b"host", host))["status"] == "400", "two are none either"


def test_other_methods_are_405():
    for method in (b"POST", b"get", b"HEAD", b"OPTIONS"):
        assert (refusal(method=method)["status"], refusal(method=method)["Allow"]) == ("405", "GET")
    assert refusal(method=b"HEAD")["Content-Length"] == "0"


@pytest.mark.parametrize("version", [b"0", b"8", b"14", b"255"])
def test_another_version_is_426_and_told_ours(version: bytes):
    """RFC 6455, 4.4; RFC 9110, 15.5.22 and 7.8."""
    told = refusal(sec_websocket_version=version)
    assert told["status"] == "426"
    assert (told["Upgrade"], told["Connection"], told["Sec-WebSocket-Version"]) == ("websocket", "close, Upgrade", "13")


@pytest.mark.parametrize("version", [b"", b"013", b"+13", b"13.0", b"256", b"13, 8", b"9" * 5000, b"\xb2"])
def test_a_version_that_is_none_is_400_and_told_ours_too(version: bytes):
    told = refusal(sec_websocket_version=version)
    assert (told["status"], told["Sec-WebSocket-Version"]) == ("400", "13")


@pytest.mark.parametrize(
    "about",
    [
        {"version": b"HTTP/1.0"},
        {"has_body": True},
        {"connection": b"close"},
        {"connection": b"upgraded"},
        {"sec_websocket_key": b""},
        {"sec_websocket_key": KEY[:-3].encode() + b"x=="},
        {"sec_websocket_key": KEY.encode() + b"\n"},
    ],
)
def test_what_is_against_the_rules_is_400(about: dict[str, Any]):
    assert refusal(**about)["status"] == "400"


@pytest.mark.parametrize(
    "line",
    [
        (b"sec-websocket-key", KEY.encode()),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", b"permessage deflate"),
    ],
)
def test_a_line_too_many_is_400(line: tuple[bytes, bytes]):
    assert refusal(line)["status"] == "400"


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
