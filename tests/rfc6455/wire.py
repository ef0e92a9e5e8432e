"""A client's end of a connection, which sends bytes as it is told and reads what the server says strictly."""

import base64
import contextlib
import hashlib
import json
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.rfc6455.frames import CLOSE, PING, PONG, RSV1, TEXT, Heard, frame, parse

SOON = 20.0  # seconds for what takes milliseconds, on a machine that does much else
KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # the example of 1.3, and the answer to it
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
DEFLATE = "permessage-deflate; client_max_window_bits"  # as browsers offer it

HEARTBEAT = '{"type":"heartbeat"'

Headers = list[tuple[str, str]]


def accept_of(key: str) -> str:
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    return base64.b64encode(digest).decode()


def head(
    *more: tuple[str, str], without: Iterable[str] = (), line: str = "GET /live/socket HTTP/1.1", **instead: str
) -> bytes:
    """The head of an opening handshake: right, but for what is named. `Sec_WebSocket_Key="x"` puts it instead."""
    usual = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    usual |= {name.replace("_", "-"): value for name, value in instead.items()}
    headers = [(name, value) for name, value in usual.items() if name not in without] + list(more)
    return "".join([f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in headers), "\r\n"]).encode("latin-1")


def offering(*offers: str) -> bytes:
    return head(*[("Sec-WebSocket-Extensions", offer) for offer in offers])


class Answer:
    """The server's answer to a handshake."""

    def __init__(self, text: bytes) -> None:
        first, *lines = text.decode("latin-1").split("\r\n")
        version, status, _ = (first + " ").split(" ", 2)
        assert version == "HTTP/1.1", first
        self.status = int(status)
        self.headers: Headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon, line
            assert name.strip() == name, line
            self.headers.append((name.lower(), value.strip()))

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name.lower()]

    def one(self, name: str) -> str | None:
        """The header, which may stand there once."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


class Connection:
    """One TCP connection to an edge."""

    answer: Answer

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SOON)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self._heard = b""
        self.count: Counter[int] = Counter()  # of the frames that were heard, by opcode
        self.ended = ""  # how the server ended the connection: "end", "reset"

    def send(self, *sent: bytes) -> None:
        """In one piece, if the kernel has room for it."""
        self.socket.sendall(b"".join(sent))

    def send_apart(self, *pieces: bytes) -> None:
        """Each in a packet of its own (TCP_NODELAY); the server may find several of them at once all the same."""
        for piece in pieces:
            self.socket.sendall(piece)

    def send_until_end(self, *pieces: bytes) -> None:
        """The same, where the server may end the connection meanwhile."""
        with contextlib.suppress(ConnectionError):
            self.send_apart(*pieces)

    def say(self, **members: Any) -> None:
        self.send(frame(TEXT, json.dumps(members).encode()))

    def more(self) -> bool:
        """Reads on; False at the end of the connection."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = "end"
        self._heard += data
        return bool(data)

    def hear_answer(self) -> Answer:
        """The answer to the handshake."""
        while b"\r\n\r\n" not in self._heard:
            assert self.more(), f"The connection ended ({self.ended}) without an answer: {self._heard!r}"
        text, _, self._heard = self._heard.partition(b"\r\n\r\n")
        self.answer = Answer(text)
        return self.answer

    def hear_page(self) -> bytes:
        """An answer with its body, behind which the connection goes on."""
        size = int(self.hear_answer().one("content-length") or 0)
        while len(self._heard) < size:
            assert self.more(), f"The connection ended ({self.ended}) in the middle of a page."
        page, self._heard = self._heard[:size], self._heard[size:]
        return page

    def next(self) -> Heard | None:
        """The next frame; None at the end. What a server may say at any time, heartbeats and pings, is left out."""
        while (heard := self._next()) is not None:
            if heard.opcode != PING and not (heard.opcode == TEXT and heard.text.startswith(HEARTBEAT)):
                self.count[heard.opcode] += 1
                return heard
        return None

    def _next(self) -> Heard | None:
        while (found := parse(self._heard)) is None:
            if not self.more():
                return None
        heard, length = found
        assert not heard.first & RSV1 or self.answer.all("sec-websocket-extensions"), heard
        self._heard = self._heard[length:]
        return heard

    def hear(self) -> dict[str, Any]:
        """The next frame, which has to be a message."""
        heard = self.next()
        assert heard is not None, f"The connection ended: {self.ended}."
        assert heard.opcode == TEXT, heard
        return dict(json.loads(heard.text))

    def pong(self) -> bytes:
        heard = self.next()
        assert heard is not None, f"The connection ended: {self.ended}."
        assert heard.opcode == PONG, heard
        return heard.payload

    def still_answers(self) -> bool:
        """Frames are read in order, so that all that was sent before has been looked at."""
        self.send(frame(PING, b"still?"))
        return self.pong() == b"still?"

    def closed_with(self) -> int | None:
        """The code of the close frame, which has to be the next; behind it the connection ends."""
        heard = self.next()
        assert heard is not None, f"The connection ended ({self.ended}) without a close frame."
        assert heard.opcode == CLOSE, heard
        assert self.is_over()
        return heard.code

    def hear_until_close(self) -> int | None:
        """The code of the close frame, whatever comes before it; behind it the connection ends."""
        while (heard := self.next()) is not None:
            if heard.opcode == CLOSE:
                assert self.is_over()
                return heard.code
        raise AssertionError(f"The connection ended ({self.ended}) without a close frame.")

    def pong_and_message(self) -> tuple[bytes, str]:
        """The payload of a pong and the type of a message, in the order in which they come."""
        heard = {each.opcode: each for each in (self.next(), self.next()) if each is not None}
        assert set(heard) == {PONG, TEXT}, heard
        return heard[PONG].payload, json.loads(heard[TEXT].text)["type"]

    def is_over(self) -> bool:
        """Whether the server ends the connection within SOON, and says nothing before."""
        while not self._heard and self.more():
            pass
        assert not self._heard, f"behind the end: {self._heard!r}"
        return bool(self.ended)

    def end_half(self) -> None:
        """The client has nothing more to say, and listens on."""
        with contextlib.suppress(OSError):  # the server was faster
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()
