"""Opening handshakes by name, right ones and wrong ones (RFC 6455, 4; RFC 9112)."""

import base64

from tests.rfc6455.frames import CLOSE, closing
from tests.rfc6455.wire import KEY, Connection, head

_RIGHT = head()


def _key(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


def _line(line: str) -> bytes:
    return head(line=line)


def _instead(old: bytes, new: bytes) -> bytes:
    assert old in _RIGHT
    return _RIGHT.replace(old, new)


TARGET = "/live/socket"

OPEN = {
    "as the RFC has it": _RIGHT,
    "names of headers in any case": _instead(b"Sec-WebSocket-Key", b"sEC-wEBSOCKET-kEY"),
    "Upgrade in any case": head(Upgrade="WebSocket"),
    "Upgrade is a list": head(Upgrade="h2c, websocket"),
    "Upgrade is a list that begins with it": head(Upgrade="websocket,h2c"),
    "Upgrade is two headers": head(("Upgrade", "websocket"), Upgrade="h2c"),
    "Upgrade is two headers, this the first": head(("Upgrade", "h2c")),
    "Connection in any case": head(Connection="uPGRADE"),
    "Connection is a list": head(Connection="keep-alive, Upgrade"),
    "Connection is a list with holes": head(Connection=",, ,Upgrade\t,"),
    "Connection is two headers": head(("Connection", "Upgrade"), Connection="keep-alive"),
    "space around values": _instead(KEY.encode(), b" \t " + KEY.encode() + b" \t "),
    "no space before values": _RIGHT.replace(b": ", b":"),
    "an empty line before it": b"\r\n" + _RIGHT,
    "an absolute target": _line(f"GET http://127.0.0.1{TARGET} HTTP/1.1"),
    "a query": _line(f"GET {TARGET}?a=b&%ff HTTP/1.1"),
    "a letter of the path escaped": _line("GET /live/s%6Fcket HTTP/1.1"),
    "subprotocols, none of which we speak": head(("Sec-WebSocket-Protocol", "chat, superchat")),
    "subprotocols in two headers": head(("Sec-WebSocket-Protocol", "chat"), ("Sec-WebSocket-Protocol", "b")),
    "a subprotocol that is not ASCII": head(("Sec-WebSocket-Protocol", "\xe9")),
    "a subprotocol that is escaped": head(("Sec-WebSocket-Protocol", "%ff%00")),
    "the own origin": head(("Origin", "http://127.0.0.1")),
    "a header that nobody knows": head(("X-Whatever", '"q\\"uoted"; \xe9\xff')),
    "a header with an underscore": head(("X_Forwarded_For", "1.2.3.4")),
    "a header twice": head(("X-Whatever", "a"), ("X-Whatever", "b")),
    "a large header": head(("Cookie", "x" * 15_000)),
    "many headers": head(*[(f"X-{number}", "x") for number in range(100)]),
    "no body, and it says so": head(("Content-Length", "0")),
    "Host with a port": head(Host="127.0.0.1:80"),
    "Host of IPv6": head(Host="[::1]:80"),
    "Host empty": head(Host=""),
}

# No browser says these. Refused or told, they hear nothing.
ODD_ORIGIN = {
    "two origins": head(("Origin", "http://127.0.0.1"), ("Origin", "https://evil.example")),
    "half an origin": head(("Origin", "http://[::1")),
    "an origin with letters for a port": head(("Origin", "http://127.0.0.1:x")),
    "a word as origin": head(("Origin", "here")),
    "an empty origin": head(("Origin", "")),
}

ORIGIN = {
    "a foreign origin": head(("Origin", "https://evil.example")),
    "the origin null": head(("Origin", "null")),
    "the own host over another scheme": head(("Origin", "https://127.0.0.1")),
    "the own host at another port": head(("Origin", "http://127.0.0.1:81")),
    "a longer host": head(("Origin", "http://127.0.0.1.evil.example")),
    "an extension of a browser": head(("Origin", "chrome-extension://abcdef")),
    "a file": head(("Origin", "file://")),
}

REFUSED = {
    "a path with parameters": _line(f"GET {TARGET};a HTTP/1.1"),
    "a target without its slash": _line(f"GET {TARGET[1:]} HTTP/1.1"),
    "version 8": head(Sec_WebSocket_Version="8"),
    "version 0": head(Sec_WebSocket_Version="0"),
    "version 14": head(Sec_WebSocket_Version="14"),
    "version 255": head(Sec_WebSocket_Version="255"),
    "version -13": head(Sec_WebSocket_Version="-13"),
    "version 13.0": head(Sec_WebSocket_Version="13.0"),
    "version 013": head(Sec_WebSocket_Version="013"),
    "version +13": head(Sec_WebSocket_Version="+13"),
    "version 1_3": head(Sec_WebSocket_Version="1_3"),
    "a version of 5,000 digits": head(Sec_WebSocket_Version="9" * 5000),
    "a version in words": head(Sec_WebSocket_Version="thirteen"),
    "an empty version": head(Sec_WebSocket_Version=""),
    "two versions": head(Sec_WebSocket_Version="13, 8"),
    "the version twice": head(("Sec-WebSocket-Version", "13")),
    "no version": head(without=["Sec-WebSocket-Version"]),
    "no key": head(without=["Sec-WebSocket-Key"]),
    "an empty key": head(Sec_WebSocket_Key=""),
    "a key of 15 bytes": head(Sec_WebSocket_Key=_key(15)),
    "a key of 17 bytes": head(Sec_WebSocket_Key=_key(17)),
    "a key of 18 bytes": head(Sec_WebSocket_Key=_key(18)),
    "a key that is not base64": head(Sec_WebSocket_Key="!" * 22 + "=="),
    "a key of another base64": head(Sec_WebSocket_Key="-_" * 11 + "=="),
    "a key that is not ASCII": head(Sec_WebSocket_Key="\xe9" * 22 + "=="),
    "a key with a space in it": head(Sec_WebSocket_Key=KEY[:10] + " " + KEY[11:]),
    "two keys": head(("Sec-WebSocket-Key", KEY)),
    "no Connection": head(without=["Connection"]),
    "Connection: close": head(Connection="close"),
    "Connection: Upgraded": head(Connection="Upgraded"),
    "no Host": head(without=["Host"]),
    "Host twice": head(("Host", "127.0.0.1")),
    "Host with letters for a port": head(Host="127.0.0.1:http"),
    "HTTP/1.0": _line(f"GET {TARGET} HTTP/1.0"),
    "HTTP/2.0": _line(f"GET {TARGET} HTTP/2.0"),
    "HTTP/0.9": _line(f"GET {TARGET}"),
    "no HTTP": _line(f"GET {TARGET} HTTQ/1.1"),
    "POST": _line(f"POST {TARGET} HTTP/1.1"),
    "HEAD": _line(f"HEAD {TARGET} HTTP/1.1"),
    "get": _line(f"get {TARGET} HTTP/1.1"),
    "OPTIONS": _line("OPTIONS * HTTP/1.1"),
    "CONNECT": _line("CONNECT 127.0.0.1:80 HTTP/1.1"),
    "a fragment": _line(f"GET {TARGET}#here HTTP/1.1"),
    "a path that is not ASCII": _line("GET /live/s\xf6cket HTTP/1.1"),
    "a query that is not ASCII": _line(f"GET {TARGET}?\xf6 HTTP/1.1"),
    "another path": _line("GET /live/sockets HTTP/1.1"),
    "no path": _line("GET  HTTP/1.1"),
    "spaces in the path": _line(f"GET {TARGET} x HTTP/1.1"),
    "two spaces": _line(f"GET  {TARGET} HTTP/1.1"),
    "a body": head(("Content-Length", "3")) + b"abc",
    "a body in chunks": head(("Transfer-Encoding", "chunked")) + b"3\r\nabc\r\n0\r\n\r\n",
    "a body of two lengths": head(("Content-Length", "3"), ("Content-Length", "4")) + b"abc",
    "a body that ends in two ways": head(("Content-Length", "3"), ("Transfer-Encoding", "chunked")) + b"0\r\n\r\n",
    "a body of no length": head(("Content-Length", "x")),
    "a body of less than nothing": head(("Content-Length", "-1")),
    "one line that ends in LF": _instead(b"Upgrade: websocket\r\n", b"Upgrade: websocket\n"),
    "one line that ends in CR": _instead(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r"),
    "CR in a value": head(("X-A", "a\rb")),
    "LF in a value": head(("X-A", "a\nb")),
    "NUL in a value": head(("X-A", "a\0b")),
    "NUL in a name": head(("X\0A", "b")),
    "a line without a colon": _instead(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\nwhatever\r\n"),
    "a name that is empty": head(("", "x")),
    "a name with a space in it": head(("X A", "x")),
    "a space behind a name": head(("X-A ", "x")),
    "a space before the first name": _instead(b"Host", b" Host"),
    "a name that is not ASCII": head(("X-\xe9", "x")),
    "a header that is too large": head(("Cookie", "x" * 70_000)),
    "a path that is too long": _line(f"GET {TARGET}?{'x' * 70_000} HTTP/1.1"),
    "too many headers": head(*[(f"X-{number}", "x") for number in range(2000)]),
}

# These do not ask for a socket, and are answered as a page is.
PAGES = {
    "no Upgrade": head(without=["Upgrade"]),
    "Upgrade to something else": head(Upgrade="h2c"),
    "Upgrade to a word that begins like it": head(Upgrade="websocket13"),
    "Upgrade to a version of it": head(Upgrade="websocket/13"),
    "an empty Upgrade": head(Upgrade=""),
}

# Either is right: RFC 9112, 5.2, lets a server unfold or refuse; what stands in a value is not ours to judge.
EITHER = {
    "a folded header": head(("X-A", "a\r\n\tb")),
    "a folded key": _instead(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key:\r\n "),
    "control characters in a value": head(("X-A", "\x01\x7f")),
    "a target of another host": _line(f"GET http://evil.example{TARGET} HTTP/1.1"),
    "a target with the scheme of sockets": _line(f"GET ws://127.0.0.1{TARGET} HTTP/1.1"),
    "a space behind the version": _line(f"GET {TARGET} HTTP/1.1 "),
    "Host with a space": head(Host="a b"),
    "Host with a user": head(Host="a@b"),
    "Host with a port beyond all": head(Host="127.0.0.1:99999"),
    "Host that is not ASCII": head(Host="\xe9.example"),
    "a subprotocol twice": head(("Sec-WebSocket-Protocol", "chat, chat")),
    "an empty subprotocol": head(("Sec-WebSocket-Protocol", "")),
    "a key whose last bits are lost": head(Sec_WebSocket_Key=KEY[:-3] + "R=="),
    "Connection: close, Upgrade": head(Connection="close, Upgrade"),
    "an origin with a path": head(("Origin", "http://127.0.0.1/x")),
    "a header that Daphne knows": head(("Daphne-Root-Path", "/x%ff")),
    "continue?": head(("Expect", "100-continue")),
}


def outcome(wire: Connection) -> str:
    """What became of a handshake: `open`, `origin`, `page`, `refused` or `cut` (without an answer)."""
    try:
        answer = wire.hear_answer()
        while answer.status == 100:
            answer = wire.hear_answer()
    except AssertionError:
        return "cut"
    if answer.status != 101:
        assert answer.status < 500 or answer.status in (501, 505), answer.status
        ends = "close" in (answer.one("connection") or "").split(", ")
        if not ends and (answer.one("content-length") or answer.one("transfer-encoding")):
            return "page"
        while wire.more():
            pass
        return "refused"
    assert [value.lower() for value in answer.all("upgrade")] == ["websocket"]
    assert [value.lower() for value in answer.all("connection")] == ["upgrade"]
    assert answer.all("sec-websocket-protocol") == []
    assert answer.one("content-length") is None
    first = wire.next()
    assert first is not None
    if first.opcode == CLOSE:
        assert first.code == 4503
        wire.send(closing(4503))
        assert wire.is_over()
        return "origin"
    assert first.payload.startswith(b'{"type":"welcome"')
    assert wire.still_answers()
    return "open"
