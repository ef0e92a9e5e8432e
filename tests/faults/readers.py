"""Readers who come and go, and what each of them was told."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from realtime.position import Position
from tests.faults.client import Frame, Socket, Stream, connect


class Data(msgspec.Struct):
    name: str = ""
    title: str = ""
    version: int = 0


class Heard(NamedTuple):
    """An event as it came. `recovery`: the number of the recovery that it came in, -1 live."""

    offset: int
    key: str
    token: str
    version: int
    recovery: int
    late: float


@dataclass
class Recovery:
    """An answer to a subscription: events after `since` were promised, `missed` of them."""

    since: int
    missed: int
    came: int = 0


@dataclass
class Chain:
    """What one reader was told from one place in the log on, over all of its connections."""

    reader: str
    topics: frozenset[str]
    start: Position
    cursor: Position
    heard: list[Heard] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Reader:
    """One reader: keeps a chain, by the cursor rule of docs/protocol.md."""

    def __init__(self, name: str, port: int, topics: Collection[str], since: Position, language: str = "") -> None:
        self.chains = [Chain(name, frozenset(topics), since, since)]
        self.codes: list[int | None] = []
        self.resets: list[str] = []
        self._port = port
        self._language = language
        self._socket: Socket | None = None

    @property
    def chain(self) -> Chain:
        return self.chains[-1]

    @property
    def is_connected(self) -> bool:
        return self._socket is not None and not self._socket.closed.done()

    def begin(self, since: Position) -> None:
        """Starts a new chain, as somebody else would who comes with this position."""
        self.chains.append(Chain(self.chain.reader, self.chain.topics, since, since))

    async def come(self) -> None:
        """Connects and resumes. Raises OSError or TimeoutError."""
        self._socket = await connect(self, self._port)
        if self._language:
            self._socket.say(type="hello", format="html", language=self._language)
        self._socket.say(type="subscribe", topics=sorted(self.chain.topics), since=str(self.chain.cursor))

    def cut(self) -> None:
        if self._socket is not None:
            self._socket.abort()

    def ask(self) -> None:
        """For a position: everything up to there has come when it does."""
        if self._socket is not None:
            self._socket.say(type="ping")

    async def gone(self, seconds: float | None = None) -> None:
        """Until the connection is over, or so many seconds."""
        assert self._socket is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._socket.closed)
        if self._socket.closed.done():
            self.codes.append(self._socket.code)

    def heard(self, frame: Frame) -> None:
        chain = self.chain
        if frame.type == "subscribed" and frame.recovered:
            chain.recoveries.append(Recovery(Position.parse(frame.position or "").offset, frame.missed or 0))
        elif frame.type == "event":
            self._event(chain, frame)
        elif frame.type == "reset":
            self.resets.append(frame.reason)
            self.begin(Position.parse(frame.position or ""))
            return
        elif frame.type == "error":
            chain.faults.append(f"error {frame.code}")
        if frame.position is not None and frame.type != "subscribed":
            position = Position.parse(frame.position)
            if position.epoch != chain.cursor.epoch or position.offset < chain.cursor.offset:
                chain.faults.append(f"{frame.type} at {position} after {chain.cursor}")
            chain.cursor = position

    def _event(self, chain: Chain, frame: Frame) -> None:
        data = msgspec.json.decode(frame.data, type=Data)
        recovery = len(chain.recoveries) - 1
        promised = chain.recoveries[recovery]
        is_live = promised.came == promised.missed
        promised.came += not is_live
        late = time.time() - datetime.fromisoformat(frame.time).timestamp()
        offset = Position.parse(frame.position or "").offset
        chain.heard.append(
            Heard(offset, frame.key, data.name or data.title, data.version, -1 if is_live else recovery, late)
        )


class StreamReader(Reader):
    """One who reads Server-Sent Events: all of them, so that nothing stands for anything."""

    async def come(self) -> None:
        topics = "&".join(f"topic={topic}" for topic in sorted(self.chain.topics))
        kind = type("Asked", (Stream,), {"query": f"{topics}&since={self.chain.cursor}"})
        self._socket = await connect(self, self._port, kind=kind)

    def _event(self, chain: Chain, frame: Frame) -> None:
        data = msgspec.json.decode(frame.data, type=Data)
        offset = Position.parse(frame.position or "").offset
        chain.heard.append(Heard(offset, frame.key, data.name or data.title, data.version, -1, 0.0))


async def stay(reader: Reader, dice: random.Random) -> None:
    """Is always there: comes back soon when the connection ends."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.come()
            await reader.gone()
        await asyncio.sleep(dice.uniform(0.05, 0.5))


async def come_and_go(reader: Reader, dice: random.Random) -> None:
    """Stays for seconds, is away for seconds, and resumes."""
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            await reader.come()
            await reader.gone(dice.uniform(0.2, 4))
            reader.cut()
        await asyncio.sleep(dice.uniform(0, 3))


async def come_late(reader: Reader, dice: random.Random, older: Callable[[], Position]) -> None:
    """Comes with a page that was read long ago, and then with another."""
    while True:
        reader.begin(older())
        with contextlib.suppress(OSError, TimeoutError):
            await reader.come()
            await reader.gone(dice.uniform(0.5, 2))
            reader.cut()
        await asyncio.sleep(dice.uniform(0.1, 1))
