"""A light reader, of which a thousand run in one process: counts what arrives, and how late."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from datetime import datetime

from realtime.position import Position
from tests.faults.readers.client import Frame, Socket, connect

CONNECT_TIMEOUT_SECONDS = 60
DEFAULT_RECONNECT_IN = (100, 1000)  # milliseconds


@dataclass
class CountingReader:
    """A reader that keeps the offsets it received, in their order, and how late the live ones were."""

    port: int
    topics: list[str]
    cursor: Position
    offsets: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)  # seconds
    recoveries: list[float] = field(default_factory=list)  # seconds from the cut until nothing was missing
    connected: list[float] = field(default_factory=list)  # moments of the monotonic clock
    resets: int = 0
    reconnect_in: tuple[int, int] | None = None  # milliseconds, as the server's `leaving` named them
    socket: Socket | None = None
    _promised: int = 0  # events of the present recovery that have not arrived
    _cut: float | None = None

    @property
    def is_live(self) -> bool:
        return self.socket is not None and not self.socket.closed.done() and self._cut is None

    async def connect(self) -> None:
        """Connects and resumes; raises OSError or TimeoutError."""
        self.reconnect_in = None
        self.socket = await connect(self, self.port, CONNECT_TIMEOUT_SECONDS)
        self.connected.append(time.monotonic())
        self.socket.send(type="subscribe", topics=self.topics, since=str(self.cursor))

    def receive(self, frame: Frame) -> None:
        if frame.type == "subscribed":
            self._promised = frame.missed or 0
        elif frame.type == "event":
            self._event(frame)
        elif frame.type == "reset":
            self.resets += 1
        elif frame.type == "leaving":
            self.reconnect_in = frame.reconnect_in
            return
        if self._promised == 0 and self._cut is not None and frame.type in ("subscribed", "event"):
            self.recoveries.append(time.monotonic() - self._cut)
            self._cut = None
        if frame.position is not None and frame.type != "subscribed":
            self.cursor = Position.parse(frame.position)

    def _event(self, frame: Frame) -> None:
        self.offsets.append(Position.parse(frame.position or "").offset)
        if self._promised:
            self._promised -= 1
        else:
            self.delays.append(time.time() - datetime.fromisoformat(frame.time).timestamp())

    def cut(self) -> None:
        """Ends the connection without a close frame."""
        self.lost()
        if self.socket is not None:
            self.socket.abort()

    def lost(self) -> None:
        """Notes that the connection ended: the time of recovery counts from here."""
        if self._cut is None:
            self._cut = time.monotonic()

    async def closed(self) -> None:
        """Waits until the connection is closed."""
        assert self.socket is not None
        await asyncio.shield(self.socket.closed)
        self.lost()


async def stay(reader: CountingReader, dice: random.Random) -> None:
    """Reconnects when the connection ends: within the window that the server named, otherwise soon."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.connect()
            await reader.closed()
        first, last = reader.reconnect_in or DEFAULT_RECONNECT_IN
        await asyncio.sleep(dice.uniform(first, last) / 1000)


async def be_cut(reader: CountingReader, dice: random.Random, every: float, away: float) -> None:
    """Is cut about every `every` seconds, and is away for about `away`; reconnects soon from other ends."""
    while True:
        if await _stays(reader, dice.uniform(0.5, 1.5) * every):
            reader.cut()
            await asyncio.sleep(dice.uniform(0.8, 1.2) * away)
        else:
            await asyncio.sleep(dice.uniform(0.1, 1))


async def _stays(reader: CountingReader, seconds: float) -> bool:
    """Connects; returns whether the connection lasted this long."""
    with contextlib.suppress(OSError):
        try:
            await reader.connect()
        except TimeoutError:
            return False
        try:
            async with asyncio.timeout(seconds):
                await reader.closed()
        except TimeoutError:
            return True
    return False
