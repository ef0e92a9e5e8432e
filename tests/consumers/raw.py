"""Connections that send bytes, whatever they are, and read only when they are told to."""

import json
import socket
import struct
from collections.abc import Callable

from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.consumers.written import write
from tests.waiting import PATIENCE


def frame(opcode: int, payload: bytes = b"", final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame of RFC 6455 with whatever is wrong with it. The mask is zero."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    size = len(payload)
    mask = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


class Raw:
    """A connection that sends bytes, whatever they are."""

    def __init__(self, edge: Edge, path: str = "/live/socket", expected: int | None = 101, small: bool = False) -> None:
        """A `small` one has little room for what it does not read."""
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", edge.port))
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{edge.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.heard = b""
        while b"\r\n\r\n" not in self.heard:
            self.heard += self.socket.recv(4096)
        self.status = int(self.heard.split(b" ")[1])
        assert expected in (None, self.status)
        self.heard = self.heard.partition(b"\r\n\r\n")[2]

    def send(self, sent: bytes) -> None:
        self.socket.sendall(sent)

    def frame(self) -> tuple[int, bytes]:
        """The next frame: its first byte and its payload."""
        while True:
            if len(self.heard) >= 10 or (len(self.heard) >= 2 and self.heard[1] < 126):
                size, start = self.heard[1], 2
                if size >= 126:
                    start = 4 if size == 126 else 10
                    size = int.from_bytes(self.heard[2:start], "big")
                if len(self.heard) >= start + size:
                    first, payload = self.heard[0], self.heard[start : start + size]
                    self.heard = self.heard[start + size :]
                    return first, payload
            more = self.socket.recv(65536)
            assert more, "closed without a close frame"
            self.heard += more

    def code(self) -> int:
        """Reads until a close frame; its code."""
        while True:
            first, payload = self.frame()
            if first == 0x88:
                return int(struct.unpack("!H", payload[:2])[0])

    def is_over(self) -> bool:
        """Whether the server ends the connection, and says nothing more."""
        try:
            return not self.heard and not self.socket.recv(65536)
        except ConnectionResetError:
            return True

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close_politely(self) -> None:
        self.send(frame(8, struct.pack("!H", 1000)))
        assert self.code() == 1000
        self.socket.close()

    def queued(self) -> int:
        return queued(self.socket)

    def stall(self, topic: str, healthy: Reader) -> None:
        """Follows a topic on which more is written than the kernel keeps, and reads none of it."""
        self.follow(topic, healthy)
        full(self.queued, lambda: write_to(topic, healthy))

    def follow(self, topic: str, healthy: Reader) -> None:
        """Both follow it, and from now on this one reads nothing."""
        self.send(frame(1, json.dumps({"type": "subscribe", "topics": [topic]}).encode()))
        while b'"subscribed"' not in self.frame()[1]:
            pass
        healthy.subscribe(topic)


def queued(connection: socket.socket) -> int:
    """Bytes that the kernel keeps for this client on the server's side."""
    here, there = (f":{each[1]:04X}" for each in (connection.getsockname(), connection.getpeername()))
    with open("/proc/net/tcp") as connections:
        for line in connections:
            _, local, remote, _, queues, *_ = line.split()
            if local.endswith(there) and remote.endswith(here):
                return int(queues.partition(":")[0], 16)
    return 0


def full(queued: Callable[[], int], more: Callable[[], None]) -> None:
    """Writes until the kernel takes nothing for this client any more, and the server has to keep some of it."""
    sizes = [-2, -1]
    while sizes[-1] > sizes[-3:][0]:
        more()
        sizes.append(queued())


def write_to(topic: str, healthy: Reader) -> None:
    """100 KB, which somebody else has read."""
    write((topic, [topic], []), text="tide " * 20_000)
    assert healthy.hear()["type"] == "event"
