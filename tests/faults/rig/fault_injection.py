"""Injects faults: each breaks one thing, waits for a random time, and repairs it."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat

import redis

from tests.faults.readers.recording_readers import Reader
from tests.faults.rig.program import Program, children
from tests.faults.rig.rig import Rig
from tests.journey.wire import Wire

HURRIED_PAUSE_SECONDS = 0.2  # between two faults while there were fewer kills than a run asks for
Fault = Callable[[], Awaitable[None]]


class FaultInjector:
    """Injects all faults in random order, each once before any is repeated."""

    def __init__(self, rig: Rig, wires: Sequence[Wire], readers: Sequence[Reader], dice: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self._rig = rig
        self._wires = wires
        self._readers = readers
        self._dice = dice
        self._present: asyncio.Future[None] | None = None

    @property
    def kills(self) -> int:
        return sum(count for name, count in self.done.items() if name.startswith("kill"))

    async def run(self, often: float, is_late: Callable[[], bool]) -> None:
        """Injects faults, about one every `often` seconds, until cancelled; hurries while `is_late` returns true."""
        for fault in chain.from_iterable(self._shuffled() for _ in repeat(None)):
            self.done[fault.__name__] += 1
            self._present = asyncio.ensure_future(fault())
            await asyncio.shield(self._present)
            pause = self._dice.expovariate(1 / often)
            await asyncio.sleep(min(pause, HURRIED_PAUSE_SECONDS) if is_late() else pause)

    async def repaired(self) -> None:
        """Waits until the present fault is repaired."""
        if self._present is not None:
            await self._present

    def _shuffled(self) -> list[Callable[[], Awaitable[None]]]:
        kills = [self.kill_edge, self.kill_edge, self.kill_postgres, self.kill_backend, self.kill_valkey]
        rest = [self.kill_worker, self.flush, self.pause_edge, self.pause_valkey, self.pause_postgres]
        rest += [self.lose_bells, self.cut_wire, self.cut_readers, self.cut_bell]
        faults = kills + rest
        self._dice.shuffle(faults)
        return faults

    async def kill_edge(self) -> None:
        edge = self._dice.choice(self._rig.edges)
        edge.kill()
        await self._wait(0, 1)
        edge.start()

    async def kill_worker(self) -> None:
        self._rig.worker.kill()
        await self._wait(0, 1)
        self._rig.worker.start()

    async def kill_valkey(self) -> None:
        self._rig.valkey.kill()
        await self._wait(0, 2)
        await self._rig.restart_valkey()

    async def kill_postgres(self) -> None:
        self._rig.postgres.kill()
        await self._wait(0, 2)
        await self._rig.restart_postgres()

    async def kill_backend(self) -> None:
        """Kills one process of PostgreSQL, which then recovers as a whole from its write-ahead log."""
        backends = children(self._rig.postgres.process.pid)
        if backends:
            Program.send(self._dice.choice(backends), 9)
        await asyncio.sleep(0.2)
        await self._rig.until(self._rig.is_up)

    async def flush(self) -> None:
        with contextlib.suppress(redis.RedisError), self._rig.redis() as client:
            client.flushall()

    async def pause_edge(self) -> None:
        await self._pause(self._dice.choice(self._rig.edges), 3)

    async def pause_valkey(self) -> None:
        await self._pause(self._rig.valkey, 3)

    async def pause_postgres(self) -> None:
        await self._pause(self._rig.postgres, 1.5)

    async def lose_bells(self) -> None:
        bell = self._dice.choice(self._rig.bells)
        bell.drop()
        await self._wait(0.5, 4)
        bell.forward()

    async def cut_bell(self) -> None:
        self._dice.choice(self._rig.bells).cut()

    async def cut_wire(self) -> None:
        """Cuts all sockets of an edge and lets none connect for a while, as when a proxy restarts."""
        wire = self._dice.choice(self._wires)
        wire.cut()
        await self._wait(0, 2)
        wire.mend()

    async def cut_readers(self) -> None:
        for reader in self._dice.sample(self._readers, len(self._readers) // 2):
            reader.cut()

    async def _pause(self, program: Program, max_seconds: float) -> None:
        program.pause()
        await self._wait(0.2, max_seconds)
        program.resume()

    async def _wait(self, min_seconds: float, max_seconds: float) -> None:
        await asyncio.sleep(self._dice.uniform(min_seconds, max_seconds))
