"""Writers: how bytes leave for one reader, in order, and without anything waiting for that reader."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from django.conf import settings

from consumers.metrics import counters
from consumers.wire.batch import Encoding, FrameBatch
from consumers.wire.close_codes import CloseCode
from consumers.wire.event_stream import block

WRITE_TIMEOUT = 30.0  # seconds for a reader to take a portion of what it missed


# What servers raise from ASGI's `send` where the connection is over: uvicorn an OSError, and once it is being closed
# a RuntimeError; so does Daphne, for autobahn's Disconnected is one.
CONNECTION_LOST = (OSError, RuntimeError)


class SendPathChanges:
    """How often the send path of any writer has opened or closed: `Recipients` notes them as long as none does."""

    count = 0


send_path_changes = SendPathChanges()


class Writer(Protocol):
    """The way out for the frames of one reader. None of its methods raises when the reader is gone."""

    encoding: Encoding | None
    """How the connection carries frames, where there is a path straight to it. Else only `write` is used."""

    send: Callable[[bytes], int] | None
    """That path, `socket.send`, while the connection is open and nothing is buffered for this reader.
    Each change of it is counted in `send_path_changes`."""

    def buffer(self, data: bytes) -> None:
        """Takes bytes that `send` did not, and aborts a reader for whom too many are buffered."""

    def write(self, frames: FrameBatch) -> None:
        """Sends frames, or buffers them until the reader takes them; aborts a reader for whom too many are buffered."""

    @property
    def is_lagging(self) -> bool:
        """Whether more than a little of what was written is still buffered."""

    async def drain(self) -> None:
        """Waits until little of what was written is still buffered. For those who write much at once."""

    def abort(self) -> None:
        """Ends the connection of a slow reader."""

    def close(self) -> None:
        """Ends the connection because the process ends: the reader comes back to another, or later."""


class StreamWriter(Writer, Protocol):
    """A writer of an answer that goes on until `release`."""

    @property
    def was_aborted(self) -> bool:
        """Whether the reader was too slow."""

    def release(self) -> None:
        """Gives the connection back to the server, which ends the answer."""


class IndirectWriter:
    """A writer without a path straight to the connection."""

    encoding: Encoding | None = None
    send: Callable[[bytes], int] | None = None

    @property
    def is_lagging(self) -> bool:
        """Nothing is buffered here."""
        return False

    def buffer(self, data: bytes) -> None:
        """Raises TypeError: without an encoding there are no bytes."""
        raise TypeError("Without an encoding there are no bytes, only frames.")


class SendWriter(IndirectWriter):
    """A writer over ASGI's `send`, for servers that give no path to the socket."""

    def __init__(self, send: Callable[[Any], Awaitable[None]]) -> None:
        self._send = send
        self._texts: deque[bytes] = deque()
        self._unsent = 0
        self._task: asyncio.Task[None] | None = None
        self._closed: CloseCode | None = None

    def write(self, frames: FrameBatch) -> None:
        """Sends frames on a task of its own, and aborts a reader for whom too many wait."""
        if self._closed:
            return
        if self._unsent > settings.LIVE_MAX_UNSENT_BYTES:
            self.abort()
            return
        self._texts.extend(frames.texts)
        self._unsent += sum(map(len, frames.texts))
        self._run()

    @property
    def is_lagging(self) -> bool:
        """Whether a frame waits for the server to take it."""
        return self._task is not None and not self._task.done()

    async def drain(self) -> None:
        """Waits until the server has taken all frames."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    def abort(self) -> None:
        """Drops what waits, and closes with 4008."""
        counters.cut += 1
        self._closed = CloseCode.SLOW
        self._texts.clear()
        if self._task is not None:
            self._task.cancel()  # it waits for this reader
        self._task = asyncio.ensure_future(self._empty())

    def close(self) -> None:
        """Closes with 4012 behind what waits."""
        self._closed = CloseCode.RESTARTING
        self._run()

    def _run(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._empty())

    async def _empty(self) -> None:
        with suppress(*CONNECTION_LOST):  # `receive` says so, too
            while self._texts:
                text = self._texts.popleft()
                await self._send(self._message(text))
                self._unsent -= len(text)
            if self._closed:
                await self._send_close(self._closed)

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "websocket.send", "text": text.decode()}

    async def _send_close(self, code: CloseCode) -> None:
        await self._send({"type": "websocket.close", "code": int(code)})


class StreamSendWriter(SendWriter):
    """A writer of Server-Sent Events over ASGI's `send`. `over` is called when the answer has to end."""

    def __init__(self, send: Callable[[Any], Awaitable[None]], over: Callable[[], None]) -> None:
        super().__init__(send)
        self._over = over

    @property
    def was_aborted(self) -> bool:
        """Whether the reader was too slow."""
        return self._closed is CloseCode.SLOW

    def abort(self) -> None:
        """Drops what waits, and ends the answer."""
        super().abort()
        self._over()

    def close(self) -> None:
        """Ends the answer."""
        self._over()

    def _message(self, text: bytes) -> dict[str, Any]:
        return {"type": "http.response.body", "body": block(text), "more_body": True}

    async def _send_close(self, code: CloseCode) -> None:
        """Sends nothing: a stream just ends."""

    def release(self) -> None:
        """Does nothing: the server never gave the connection away."""
