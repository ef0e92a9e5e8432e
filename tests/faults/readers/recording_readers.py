"""Readers who come and go, and what each of them was told."""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from realtime.position import Position
from tests.faults.readers.client import Frame, Socket, Stream, connect

WAIT = 5  # seconds that a question to the log may wait for its answer
MOST = 5000  # rows that a recovery reads
PROMPTLY = 1.0  # seconds within which nothing of what is withdrawn is told any more


class Heard(NamedTuple):
    """An event as it came. `recovery`: the number of the recovery that it came in, -1 live."""

    offset: int
    key: str
    token: str
    version: int
    scrubbed: bool
    recovery: int


heard = lru_cache(maxsize=4096)(Heard)  # what came live is the same for everybody


class Withdrawals:
    """What one edge told of posts that were withdrawn, and when: nobody who asks it later gets their text."""

    def __init__(self) -> None:
        self._told: dict[str, dict[int, float]] = defaultdict(dict)

    def note(self, key: str, offset: int) -> None:
        self._told[key].setdefault(offset, time.monotonic())

    def forbid(self, key: str, offset: int, asked: float) -> bool:
        """Whether the text of this event may not be in the answer to a question of that moment."""
        return key in self._told and any(
            gone > offset and when + PROMPTLY < asked for gone, when in self._told[key].items()
        )


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
    calm: list[float] = field(default_factory=list)  # seconds from such an event's commit until it came live
    faults: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


class Reader:
    """One reader: keeps a chain, by the cursor rule of docs/protocol.md."""

    hears_all = True  # also of what is on no topic of it, by asking

    def __init__(
        self, name: str, port: int, topics: Collection[str], since: Position, gone: Withdrawals, language: str = ""
    ) -> None:
        self.chains = [Chain(name, frozenset(topics), since, since)]
        self.resets: list[str] = []
        self.let_go = 0  # resets because more had happened than a recovery reads
        self._port = port
        self._language = language
        self._gone = gone
        self._asked = 0.0
        self._socket: Socket | None = None

    @property
    def chain(self) -> Chain:
        return self.chains[-1]

    def begin(self, since: Position) -> None:
        """Starts a new chain, as somebody else would who comes with this position."""
        self.chains.append(Chain(self.chain.reader, self.chain.topics, since, since))

    async def come(self) -> None:
        """Connects and resumes. Raises OSError or TimeoutError."""
        self._socket = await connect(self, self._port)
        self._asked = time.monotonic()
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

    def heard(self, frame: Frame) -> None:
        chain = self.chain
        if frame.type == "subscribed" and frame.recovered:
            chain.recoveries.append(Recovery(Position.parse(frame.position or "").offset, frame.missed or 0))
        elif frame.type == "event":
            self._event(chain, frame)
        elif frame.type == "reset":
            self._reset(chain, frame.reason, Position.parse(frame.position or ""))
            return
        elif frame.type == "error":
            chain.faults.append(f"error {frame.code}")
        if frame.position is not None and frame.type != "subscribed":
            position = Position.parse(frame.position)
            if position.epoch != chain.cursor.epoch or position.offset < chain.cursor.offset:
                chain.faults.append(f"{frame.type} at {position} after {chain.cursor}")
            chain.cursor = position

    def _reset(self, chain: Chain, reason: str, position: Position) -> None:
        """Its page is read anew, and live from there. Rightly so only where it was too far behind."""
        if reason == "too-many" and position.offset - chain.cursor.offset > MOST:
            self.let_go += 1
        else:
            self.resets.append(f"{reason}, {position.offset - chain.cursor.offset} behind")
        self.begin(position)
        self.chain.recoveries.append(Recovery(position.offset, 0))

    def _event(self, chain: Chain, frame: Frame) -> None:
        recovery = len(chain.recoveries) - 1
        promised = chain.recoveries[recovery]
        is_live = promised.came == promised.missed
        promised.came += not is_live
        self._keep(chain, frame, -1 if is_live else recovery)
        if is_live and frame.data.name.startswith("calm."):
            chain.calm.append(time.time() - datetime.fromisoformat(frame.time).timestamp())

    def _keep(self, chain: Chain, frame: Frame, recovery: int) -> None:
        data, offset = frame.data, Position.parse(frame.position or "").offset
        version = data.post.version if data.post else data.version
        chain.heard.append(heard(offset, frame.key, data.token, version, data.scrubbed, recovery))
        if data.withdrawn:
            self._gone.note(frame.key, offset)
        elif not data.scrubbed and self._gone.forbid(frame.key, offset, self._asked):
            chain.leaks.append(f"{frame.kind} of {frame.key} at {offset}: {data.token}")


class StreamReader(Reader):
    """One who reads Server-Sent Events: all of them, so that nothing stands for anything."""

    hears_all = False

    async def come(self) -> None:
        kind = type("Asked", (Stream,), {"query": f"{_query(self.chain)}"})
        self._asked = time.monotonic()
        self._socket = await connect(self, self._port, kind=kind)

    def _event(self, chain: Chain, frame: Frame) -> None:
        self._keep(chain, frame, -1)


class Answer(msgspec.Struct):
    """What the log says to one question."""

    position: str
    recovered: bool
    events: list[Frame]
    more: bool
    reason: str = ""


class PollReader(Reader):
    """One who asks the log, and waits there: each `come` is one question. An answer is a recovery."""

    hears_all = False
    extra = f"wait={WAIT}"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._writer: asyncio.StreamWriter | None = None

    async def come(self) -> None:
        since, self._asked = self.chain.cursor, time.monotonic()
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        try:
            async with asyncio.timeout(WAIT + 20):
                request = f"GET /live/log?{_query(self.chain)}&{self.extra} HTTP/1.0\r\nHost: 127.0.0.1:{self._port}"
                self._writer.write(f"{request}\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            self._writer.transport.abort()
        length = f"content-length: {len(body)}\r\n".encode()
        if b" 200 " in head.partition(b"\r\n")[0] and length in head.lower() + b"\r\n":  # else it was cut short
            self._answered(since, msgspec.json.decode(body, type=Answer))

    def _answered(self, since: Position, answer: Answer) -> None:
        if not answer.recovered:
            self.heard(Frame("reset", position=answer.position, reason=answer.reason))
            return
        # what is `more` is promised too, for the next answer
        self.chain.recoveries.append(Recovery(since.offset, len(answer.events) + answer.more))
        for frame in answer.events:
            self.heard(frame)
        self.heard(Frame("answered", position=answer.position))

    async def gone(self, seconds: float | None = None) -> None:
        """It is over already."""

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class EveryPollReader(PollReader):
    """The same without compaction: it gets every event, those of the withdrawn without their text."""

    extra = f"wait={WAIT}&compact=0"


def _query(chain: Chain) -> str:
    return "&".join(f"topic={topic}" for topic in sorted(chain.topics)) + f"&since={chain.cursor}"


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
