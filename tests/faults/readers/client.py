"""A light WebSocket client, of which thousands run in one process.

It parses frames from the bytes as they arrive, without a task or a queue for each connection.
"""

import asyncio
import base64
import os
import socket
import struct
from functools import lru_cache
from typing import Protocol

import msgspec

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Tag(msgspec.Struct, frozen=True):
    slug: str


class Data(msgspec.Struct, frozen=True):
    """The data of an event, as far as they are compared."""

    name: str = ""
    title: str = ""
    reason: str = ""
    version: int = 0
    likes: int = 0
    relation: str = ""
    withdrawn: str = ""
    scrubbed: bool = False
    tags: list[Tag] = []
    post: "Data | None" = None

    @property
    def token(self) -> str:
        """What identifies this change among those of its object; for likes and tags, their present state."""
        if self.post is not None:
            return self.post.tagged
        return self.reason if self.withdrawn else self.name or self.title or f"likes {self.likes}"

    @property
    def tagged(self) -> str:
        return " ".join(["tags", *sorted(tag.slug for tag in self.tags)])


class Frame(msgspec.Struct):
    """The members of a frame that readers use. Must not be changed: readers share it through a cache."""

    type: str
    position: str | None = None
    key: str = ""
    kind: str = ""
    time: str = ""
    data: Data = Data()
    recovered: bool = True
    missed: int | None = 0
    reason: str = ""
    code: str = ""
    reconnect_in: tuple[int, int] | None = None


# cached, since every reader of a process receives the same bytes
decode = lru_cache(maxsize=2048)(msgspec.json.Decoder(Frame).decode)


class Listener(Protocol):
    """Receives the frames of a connection."""

    def receive(self, frame: Frame) -> None: ...


class Socket(asyncio.Protocol):
    """One connection; passes each frame to `listener`. The future `closed` is done when the connection ends."""

    accepted = b" 101 "  # the status in the first line of a response that accepts the request

    def __init__(self, listener: Listener, port: int) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self.code: int | None = None
        self._listener = listener
        self._port = port
        self._bytes = bytearray()
        self._upgraded = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /live/socket HTTP/1.1", f"Host: 127.0.0.1:{self._port}", "Upgrade: websocket"]
        lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        transport.write("\r\n".join(lines).encode())

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.opened, self.closed):
            if not future.done():
                future.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._upgraded:
            head, found, rest = self._bytes.partition(b"\r\n\r\n")
            if not found:
                return
            if self.accepted not in head.partition(b"\r\n")[0]:
                self.abort()
                return
            self._bytes, self._upgraded = bytearray(rest), True
            self.opened.set_result(None)
        self._read()

    def _read(self) -> None:
        """Takes all complete frames. A server does not mask, and ours does not fragment."""
        data, at, end = self._bytes, 0, len(self._bytes)
        while end - at >= 2:
            size, start = data[at + 1], at + 2
            if size >= 126:
                start += 2 if size == 126 else 8
                if end < start:
                    break
                size = int.from_bytes(data[at + 2 : start], "big")
            if end < start + size:
                break
            self._take(data[at] & 15, bytes(data[start : start + size]))
            at = start + size
        del data[:at]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == TEXT:
            self._listener.receive(decode(payload))
        elif opcode == PING:
            self._send(PONG, payload)
        elif opcode == CLOSE:
            self.code = int.from_bytes(payload[:2], "big") if payload else None
            self.abort()

    def send(self, **members: object) -> None:
        """Sends a frame of JSON."""
        self._send(TEXT, msgspec.json.encode(members))

    def _send(self, opcode: int, payload: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
        self._transport.write(bytes([0x80 | opcode]) + length + bytes(4) + payload)  # a mask of zeros is a mask

    def abort(self) -> None:
        """Closes the connection at once."""
        if self._transport is not None:
            self._transport.abort()


class Stream(Socket):
    """One connection with Server-Sent Events in place of frames, without compaction (compact=0)."""

    accepted = b" 200 "
    query = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # HTTP/1.0: the stream comes without the framing of chunks
        transport.write(
            f"GET /live/stream?compact=0&{self.query} HTTP/1.0\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode()
        )

    def _read(self) -> None:
        *blocks, rest = bytes(self._bytes).split(b"\n\n")
        self._bytes = bytearray(rest)
        for block in blocks:
            fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n"))
            if b"data" in fields:
                self._listener.receive(decode(fields[b"data"]))

    def send(self, **members: object) -> None:
        """Does nothing: a stream takes no frames."""


async def connect(listener: Listener, port: int, seconds: float = 20, kind: type[Socket] = Socket) -> Socket:
    """Connects; returns after the handshake, or after the server refused it. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    plain = socket.socket()
    plain.setblocking(False)
    opening: Socket | None = None
    try:
        async with asyncio.timeout(seconds):
            await loop.sock_connect(plain, ("127.0.0.1", port))
            _, opening = await loop.create_connection(lambda: kind(listener, port), sock=plain)
            await opening.opened
            return opening
    except (OSError, TimeoutError, asyncio.CancelledError):
        opening.abort() if opening else plain.close()
        raise
