"""Readers of each transport, which record what they receive."""

import asyncio
import contextlib
import time
from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec

from realtime.position import Position
from tests.faults.readers.chain import Chain, Recovery, Withdrawals, heard
from tests.faults.readers.client import Frame, Socket, Stream, connect

POLL_SECONDS = 5  # that a question to the log may wait for its answer
ANSWER_MARGIN_SECONDS = 20  # for the answer of a busy machine
MAX_RECOVERY_ROWS = 5000  # that a recovery reads


class Reader:
    """Follows topics over a WebSocket, keeps its cursor by the rule of docs/protocol.md, and records a chain."""

    can_ping = True  # learns positions beyond its topics by asking

    def __init__(
        self,
        name: str,
        port: int,
        topics: Collection[str],
        since: Position,
        withdrawals: Withdrawals,
        language: str = "",
    ) -> None:
        self.chains = [Chain(name, frozenset(topics), since, since)]
        self.resets: list[str] = []
        self.too_far_behind = 0  # resets because more had happened than a recovery reads
        self._port = port
        self._language = language
        self._withdrawals = withdrawals
        self._asked = 0.0
        self._socket: Socket | None = None

    @property
    def chain(self) -> Chain:
        return self.chains[-1]

    def begin(self, since: Position) -> None:
        """Starts a new chain from this position, as a new reader would."""
        self.chains.append(Chain(self.chain.reader, self.chain.topics, since, since))

    async def connect(self) -> None:
        """Connects and resumes; raises OSError or TimeoutError."""
        self._socket = await connect(self, self._port)
        self._asked = time.monotonic()
        if self._language:
            self._socket.send(type="hello", format="html", language=self._language)
        self._socket.send(type="subscribe", topics=sorted(self.chain.topics), since=str(self.chain.cursor))

    def cut(self) -> None:
        """Ends the connection without a close frame."""
        if self._socket is not None:
            self._socket.abort()

    def ask(self) -> None:
        """Asks for a position; when it arrives, every event before it has arrived."""
        if self._socket is not None:
            self._socket.send(type="ping")

    async def closed(self, seconds: float | None = None) -> None:
        """Waits until the connection is closed, at most this many seconds."""
        assert self._socket is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._socket.closed)

    def receive(self, frame: Frame) -> None:
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
        """Begins a new chain; the reset is a mistake unless the reader was too far behind for a recovery."""
        if reason == "too-many" and position.offset - chain.cursor.offset > MAX_RECOVERY_ROWS:
            self.too_far_behind += 1
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
            self._withdrawals.note(frame.key, offset)
        elif not data.scrubbed and self._withdrawals.forbids(frame.key, offset, self._asked):
            chain.leaks.append(f"{frame.kind} of {frame.key} at {offset}: {data.token}")


class StreamReader(Reader):
    """Follows topics over Server-Sent Events, without compaction."""

    can_ping = False

    async def connect(self) -> None:
        kind = type("QueriedStream", (Stream,), {"query": _query(self.chain)})
        self._asked = time.monotonic()
        self._socket = await connect(self, self._port, kind=kind)

    def _event(self, chain: Chain, frame: Frame) -> None:
        self._keep(chain, frame, -1)


class Answer(msgspec.Struct):
    """The answer of /live/log."""

    position: str
    recovered: bool
    events: list[Frame]
    more: bool
    reason: str = ""


class PollReader(Reader):
    """Polls /live/log with a long poll for each `connect`; each answer is recorded as a recovery."""

    can_ping = False
    extra = f"wait={POLL_SECONDS}"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        since, self._asked = self.chain.cursor, time.monotonic()
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
        try:
            async with asyncio.timeout(POLL_SECONDS + ANSWER_MARGIN_SECONDS):
                request = f"GET /live/log?{_query(self.chain)}&{self.extra} HTTP/1.0\r\nHost: 127.0.0.1:{self._port}"
                self._writer.write(f"{request}\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            self._writer.transport.abort()
        length = f"content-length: {len(body)}\r\n".encode()
        is_complete = length in head.lower() + b"\r\n"  # a killed edge cuts its answer short
        if b" 200 " in head.partition(b"\r\n")[0] and is_complete:
            self._answered(since, msgspec.json.decode(body, type=Answer))

    def _answered(self, since: Position, answer: Answer) -> None:
        if not answer.recovered:
            self.receive(Frame("reset", position=answer.position, reason=answer.reason))
            return
        # `more` promises one event beyond these, which the next answer brings
        self.chain.recoveries.append(Recovery(since.offset, len(answer.events) + answer.more))
        for frame in answer.events:
            self.receive(frame)
        self.receive(Frame("answered", position=answer.position))

    async def closed(self, seconds: float | None = None) -> None:
        """Returns at once: a question has no connection once it is answered."""

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class EveryPollReader(PollReader):
    """Polls without compaction: receives every event, those of withdrawn posts without their text."""

    extra = f"wait={POLL_SECONDS}&compact=0"


def _query(chain: Chain) -> str:
    return "&".join(f"topic={topic}" for topic in sorted(chain.topics)) + f"&since={chain.cursor}"
