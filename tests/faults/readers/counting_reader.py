"""A thousand readers in one process, each of whom counts what came, and when."""

import asyncio
import contextlib
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from realtime.position import Position
from tests.faults.readers.client import Frame, Socket, connect


@dataclass
class Member:
    """A reader who keeps the offsets that came, in their order, and how late the live ones were."""

    port: int
    topics: list[str]
    cursor: Position
    offsets: list[int] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)  # seconds from the cut until nothing was missing
    came: list[float] = field(default_factory=list)  # when it connected
    resets: int = 0
    leave: tuple[int, int] | None = None
    socket: Socket | None = None
    _owed: int = 0
    _cut: float | None = None

    @property
    def is_live(self) -> bool:
        return self.socket is not None and not self.socket.closed.done() and self._cut is None

    async def come(self) -> None:
        self.leave = None
        self.socket = await connect(self, self.port, 60)
        self.came.append(time.monotonic())
        self.socket.say(type="subscribe", topics=self.topics, since=str(self.cursor))

    def heard(self, frame: Frame) -> None:
        if frame.type == "subscribed":
            self._owed = frame.missed or 0
        elif frame.type == "event":
            self._event(frame)
        elif frame.type == "reset":
            self.resets += 1
        elif frame.type == "leaving":
            self.leave = frame.reconnect_in
            return
        if self._owed == 0 and self._cut is not None and frame.type in ("subscribed", "event"):
            self.recoveries.append(time.monotonic() - self._cut)
            self._cut = None
        if frame.position is not None and frame.type != "subscribed":
            self.cursor = Position.parse(frame.position)

    def _event(self, frame: Frame) -> None:
        self.offsets.append(Position.parse(frame.position or "").offset)
        if self._owed:
            self._owed -= 1
        else:
            self.late.append(time.time() - datetime.fromisoformat(frame.time).timestamp())

    def cut(self) -> None:
        self.lost()
        if self.socket is not None:
            self.socket.abort()

    def lost(self) -> None:
        """The connection is gone, by whomever: recovering is counted from here."""
        if self._cut is None:
            self._cut = time.monotonic()

    async def gone(self) -> None:
        assert self.socket is not None
        await asyncio.shield(self.socket.closed)
        self.lost()


async def stay(member: Member, dice: random.Random) -> None:
    """Comes back when the connection ends: over the window that the server named, else soon."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await member.come()
            await member.gone()
        first, last = member.leave or (100, 1000)
        await asyncio.sleep(dice.uniform(first, last) / 1000)


async def be_cut(member: Member, dice: random.Random, every: float, away: float) -> None:
    """Is cut about every so many seconds, for about so many; comes back soon from whatever else happens."""
    while True:
        if await _stays(member, dice.uniform(0.5, 1.5) * every):
            member.cut()
            await asyncio.sleep(dice.uniform(0.8, 1.2) * away)
        else:
            await asyncio.sleep(dice.uniform(0.1, 1))


async def _stays(member: Member, seconds: float) -> bool:
    """Comes; whether the connection lasted that long."""
    with contextlib.suppress(OSError):
        try:
            await member.come()
        except TimeoutError:
            return False
        try:
            async with asyncio.timeout(seconds):
                await member.gone()
        except TimeoutError:
            return True
    return False


class Spread(NamedTuple):
    """Milliseconds of many measurements."""

    number: int
    median: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        ranked = sorted(seconds) or [0.0]
        pick = [ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))], ranked[-1]]
        return cls(len(seconds), *(round(1000 * value, 1) for value in pick))

    def __str__(self) -> str:
        return f"{self.number} measured: median {self.median} ms, p99 {self.p99} ms, worst {self.worst} ms"
