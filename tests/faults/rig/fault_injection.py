"""What breaks. Each fault breaks one thing, waits a little, and mends it; the dice say how long."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain, repeat

import redis

from tests.faults.readers.recording_readers import Reader
from tests.faults.rig.rig import Program, Rig, children
from tests.journey.wire import Wire

HASTE = 0.2  # seconds between two faults while there were too few
Fault = Callable[[], Awaitable[None]]


class Faults:
    """All of them, drawn one after the other: each once before any comes again."""

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
        """One after the other, about `often` seconds between two, until cancelled; at once while it is late."""
        for fault in chain.from_iterable(self._shuffled() for _ in repeat(None)):
            self.done[fault.__name__] += 1
            self._present = asyncio.ensure_future(fault())
            await asyncio.shield(self._present)
            pause = self._dice.expovariate(1 / often)
            await asyncio.sleep(min(pause, HASTE) if is_late() else pause)

    async def mended(self) -> None:
        """Until what is broken at present is mended."""
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
        """One process of PostgreSQL: all of it recovers from its journal by itself."""
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
        bell.deafen()
        await self._wait(0.5, 4)
        bell.hear()

    async def cut_bell(self) -> None:
        self._dice.choice(self._rig.bells).cut()

    async def cut_wire(self) -> None:
        """All sockets of an edge, as when a proxy restarts; nobody gets through for a while."""
        wire = self._dice.choice(self._wires)
        wire.cut()
        await self._wait(0, 2)
        wire.mend()

    async def cut_readers(self) -> None:
        for reader in self._dice.sample(self._readers, len(self._readers) // 2):
            reader.cut()

    async def _pause(self, program: Program, longest: float) -> None:
        program.pause()
        await self._wait(0.2, longest)
        program.resume()

    async def _wait(self, least: float, most: float) -> None:
        await asyncio.sleep(self._dice.uniform(least, most))
