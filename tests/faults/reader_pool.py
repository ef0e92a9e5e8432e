"""Many counting readers of one edge, and the publisher that they follow."""

import asyncio
from collections.abc import Callable, Coroutine

from tests.faults.judge.expectations import Expectations
from tests.faults.judge.ledger import head, read_log
from tests.faults.readers.client import Socket
from tests.faults.readers.counting_reader import CountingReader
from tests.faults.rig.program import Program
from tests.faults.rig.rig import Rig

TOPICS = ("site", "front")
CONNECT_TIMEOUT_SECONDS = 180.0  # for all readers on a busy machine
CATCH_UP_TIMEOUT_SECONDS = 60
MIN_LIVE_SHARE = 0.8  # some are always away where readers are cut


class ReaderPool:
    """Readers of `site` and `front`, which start at the present head of the log."""

    def __init__(self, rig: Rig, number: int) -> None:
        self._rig = rig
        self._start = head()
        self.readers = [CountingReader(rig.ports[0], list(TOPICS), self._start) for _ in range(number)]
        self._lives: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "ReaderPool":
        return self

    async def __aexit__(self, *error: object) -> None:
        for life in self._lives:
            life.cancel()
        for reader in self.readers:
            reader.cut()

    def start(self, life: Callable[[CountingReader], Coroutine[None, None, None]]) -> None:
        """Starts the life of each reader."""
        self._lives = [asyncio.create_task(life(reader)) for reader in self.readers]

    async def connected(self) -> None:
        """Waits until most readers are live."""
        least = MIN_LIVE_SHARE * len(self.readers)
        await self._rig.until(lambda: sum(reader.is_live for reader in self.readers) >= least, CONNECT_TIMEOUT_SECONDS)
        await asyncio.sleep(1)

    def publish(self, *options: str) -> Program:
        """Starts a publisher (tests/faults/rig/publisher.py)."""
        return self._rig.script("rig/publisher.py", *options)

    async def caught_up(self) -> None:
        """Waits until all readers have everything up to the present head of the log."""
        newest = head().offset

        def all_there() -> bool:
            behind = [reader for reader in self.readers if reader.cursor.offset < newest]
            for reader in behind:
                if reader.is_live:
                    _socket(reader).send(type="ping")
            return not behind

        await self._rig.until(all_there, CATCH_UP_TIMEOUT_SECONDS)

    def compare(self, found: Expectations) -> None:
        """Compares what each reader received with the log: all of it, once and in order."""
        log = [row.offset for row in read_log() if row.offset > self._start.offset and row.topics & set(TOPICS)]
        exact = sum(reader.offsets == log for reader in self.readers)
        came = sum(len(set(reader.offsets).intersection(log)) for reader in self.readers)
        due, number = len(log) * len(self.readers), len(self.readers)
        resets = sum(reader.resets for reader in self.readers)
        found.record("events", len(log))
        found.expect("deliveries", f"{came} of {due}, {100 * came / max(1, due):.4f} %", came == due > 0)
        found.expect("readers who heard exactly the log, in order", f"{exact} of {number}", exact == number)
        found.expect("resets", resets, not resets)


def _socket(reader: CountingReader) -> Socket:
    assert reader.socket is not None
    return reader.socket
