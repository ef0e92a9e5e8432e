"""Heads of opening handshakes made by chance from a seed, and the rules that one has to keep to open a socket."""

import random
import re

from tests.rfc6455.wire import DEFLATE, KEY

_LINES = [
    b"GET /live/socket HTTP/1.1",
    b"Host: 127.0.0.1",
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Key: " + KEY.encode(),
    b"Sec-WebSocket-Version: 13",
]
_MORE = [
    *(b"Origin: http://127.0.0.1", b"Origin: http://evil.example", b"Cookie: a=b", b"Pragma: no-cache"),
    *(
        b"Sec-WebSocket-Extensions: " + DEFLATE.encode(),
        b"Sec-WebSocket-Extensions: x; y=1",
        b"Sec-WebSocket-Protocol: z",
    ),
    *(b"Connection: keep-alive", b"Upgrade: h2c", b"Content-Length: 0", b"User-Agent: Mozilla/5.0 (X11) \xe9", b"X: "),
    *(b"Host: other", b"Sec-WebSocket-Version: 8", b"Sec-WebSocket-Key: x", b"X Y: z", b": z", b" folded", b"no colon"),
]
_BYTES = b'\x00\t\n\r :,;="/#?%@_-.aAzZ019\x7f\x80\xff'
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_NAME = re.compile(_TOKEN)
_EXTENSION = re.compile(rb"T([ \t]*;[ \t]*T([ \t]*=[ \t]*(T|\"T\"))?)*".replace(b"T", _TOKEN))
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f-\xff,/?#@\[\]:\"<>\\^`{|}]*)(:[0-9]*)?")


def handshake(seed: int) -> list[bytes]:
    """In the pieces in which it is sent. Nothing comes behind its end."""
    chance = random.Random(f"head {seed}")
    first, *rest = _LINES
    rest += chance.sample(_MORE[:11], chance.choice((0, 0, 1, 3)))
    chance.shuffle(rest)
    for _ in range(chance.choice((0, 1, 1, 2))):
        _change(chance, rest)
    whole = bytearray(b"\r\n".join([first, *rest]))
    for _ in range(chance.choice((0, 0, 1, 2))):
        at = chance.randrange(len(whole))
        whole[at : at + chance.choice((0, 1, 1, 1, 3))] = bytes(chance.choices(_BYTES, k=chance.choice((0, 1, 1, 2))))
    sent = bytes(whole).split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    if chance.random() < 0.1:
        sent = sent[: chance.randrange(len(sent) - 3)]
    cuts = sorted(chance.randint(0, len(sent)) for _ in range(chance.choice((0, 0, 0, 1, 2, 9))))
    return [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]


def _change(chance: random.Random, lines: list[bytes]) -> None:
    at = chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines.insert(at, chance.choice(_MORE))
        case 3:
            lines[at] = lines[at].swapcase()
        case _:
            name, _, value = lines[at].partition(b": ")
            lines[at] = name + b":" + chance.choice((b"", b" \t", b",", b" x, ", b' "')) + value


def may_open(sent: bytes) -> bool:
    """Whether this opens a socket: RFC 6455, 4.2.1, as strictly as it can be read."""
    if not sent.endswith(b"\r\n\r\n"):
        return False
    target, *lines = sent.removesuffix(b"\r\n\r\n").lstrip(b"\r\n").split(b"\r\n")
    headers: dict[bytes, list[bytes]] = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", b"\r\n".join(lines)).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name) or set(value) & set(b"\0\r\n"):
            return False
        headers.setdefault(name.lower(), []).append(value.strip(b" \t"))

    def tokens(name: bytes) -> list[bytes]:
        return [token.strip(b" \t") for token in b",".join(headers.get(name, [])).lower().split(b",")]

    offers = [offer.strip(b" \t") for offer in b",".join(headers.get(b"sec-websocket-extensions", [])).split(b",")]
    return (
        re.fullmatch(rb"GET (http://[^/]+)?/live/socket(\?[!-\x22\x24-~]*)? HTTP/1\.1", target) is not None
        and len(headers.get(b"host", [])) == 1
        and _HOST.fullmatch(headers[b"host"][0]) is not None
        and headers.get(b"content-length", []) in ([], [b"0"])
        and all(not offer or _EXTENSION.fullmatch(offer) for offer in offers)
        and b"websocket" in tokens(b"upgrade")
        and b"upgrade" in tokens(b"connection")
        and headers.get(b"sec-websocket-version") == [b"13"]
        and len(headers.get(b"sec-websocket-key", [])) == 1
        and re.fullmatch(rb"[A-Za-z0-9+/]{21}[AQgw]==", headers[b"sec-websocket-key"][0]) is not None
    )
