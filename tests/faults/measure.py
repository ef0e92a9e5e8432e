"""What is measured, and how: one function for each figure."""

import argparse
import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path

from tests.faults.crowd import Member, Spread, be_cut, stay
from tests.faults.rig import Program, Rig
from tests.faults.run import position
from tests.faults.verdict import Row, read_log

Found = dict[str, object]
NARROW = 16_384  # bytes that the machine of a bad reader takes without being asked: else its kernel reads for it
ARRIVE = 180.0  # seconds for a crowd to connect on a busy machine


async def cuts(rig: Rig, options: argparse.Namespace) -> Found:
    """Readers cut every ~15 s for ~2 s: what was delivered, and how long recovering took."""
    async with Crowd(rig, options.readers or 1000) as crowd:
        crowd.live(lambda member: be_cut(member, random.Random(random.random()), 15, 2))
        await crowd.complete()
        press = crowd.press("--events", str(options.events), "--rate", str(options.rate))
        if options.faults:
            await _break(rig, options.events / options.rate)
        await rig.until(lambda: press.process.poll() is not None, 60 + 3 * options.events / options.rate)
        await crowd.caught_up()
        spread = Spread.of([seconds for member in crowd.members for seconds in member.recoveries])
        return crowd.delivered() | {"recovery, the time away included": spread}


async def _break(rig: Rig, seconds: float) -> None:
    await asyncio.sleep(seconds / 4)
    rig.redis().flushall()
    await asyncio.sleep(seconds / 8)
    rig.valkey.kill()
    await asyncio.sleep(1)
    await rig.restart_valkey()
    await asyncio.sleep(seconds / 8)
    rig.edges[0].kill()
    await asyncio.sleep(1)
    rig.edges[0].start()


async def held(rig: Rig, options: argparse.Namespace) -> Found:
    """A transaction stays open: how late are the events of others, before and meanwhile?"""
    async with Crowd(rig, options.readers or 100) as crowd:
        crowd.live(lambda member: stay(member, random.Random(random.random())))
        await crowd.complete()
        found: Found = {}
        for name, seconds in (("without", 0.0), (f"while a transaction is open for {options.seconds:g} s", None)):
            for member in crowd.members:
                member.late.clear()
            holder = None if seconds is not None else rig.script("press.py", "--hold", str(options.seconds))
            press = crowd.press("--events", str(int(options.seconds * options.rate * 0.8)), "--rate", str(options.rate))
            await rig.until(lambda press=press: press.process.poll() is not None, 300)
            assert holder is None or holder.process.poll() is None, "It was not open to the end."
            found[name] = Spread.of([late for member in crowd.members for late in member.late])
        return found


async def bad(rig: Rig, options: argparse.Namespace) -> Found:
    """Stalled and trickling readers among healthy ones."""
    async with Crowd(rig, options.readers or 900) as crowd, Crowd(rig, 2 * options.bad, NARROW) as worse:
        crowd.live(lambda member: stay(member, random.Random(random.random())))
        await crowd.complete()
        before = await _paced(rig, crowd)
        memory = _memory(rig.edges[0])
        worse.live(lambda member: member.come())
        await worse.complete()
        for member in worse.members[: options.bad]:
            _of(member).pause()
        trickling = asyncio.create_task(_trickle(worse.members[options.bad :]))
        began, most, ended, alone = time.monotonic(), memory, None, _connections(rig.edges[0]) - 2 * options.bad
        measuring = asyncio.create_task(_paced(rig, crowd))
        while not measuring.done():
            most = max(most, _memory(rig.edges[0]))
            if ended is None and _connections(rig.edges[0]) <= alone:
                ended = time.monotonic() - began
            await asyncio.sleep(0.1)
        trickling.cancel()
        after = measuring.result()
        return {
            "healthy alone": before,
            f"healthy beside {options.bad} stalled and {options.bad} trickling": after,
            "p99 ratio": round(after.p99 / before.p99, 2),
            "memory of the edge, MB": f"{memory:.0f}, then at most {most:.0f}",
            "memory for each bad reader, MB": round((most - memory) / (2 * options.bad), 2),
            "all of them cut after, s": "not within the run" if ended is None else round(ended, 1),
        } | crowd.delivered()


class Crowd:
    """Readers of `site` and `front`, from where the log stands when they are made."""

    def __init__(self, rig: Rig, number: int, window: int = 0) -> None:
        self._rig = rig
        self._start = position()
        self.members = [Member(rig.ports[0], ["site", "front"], self._start, window) for _ in range(number)]
        self._lives: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Crowd":
        return self

    async def __aexit__(self, *error: object) -> None:
        for life in self._lives:
            life.cancel()
        for member in self.members:
            member.cut()

    def live(self, life: Callable[[Member], Coroutine[None, None, None]]) -> None:
        self._lives = [asyncio.create_task(life(member)) for member in self.members]

    async def complete(self) -> None:
        await self._rig.until(lambda: sum(member.is_live for member in self.members) >= 0.8 * len(self.members), ARRIVE)
        await asyncio.sleep(1)

    def press(self, *words: str) -> Program:
        return self._rig.script("press.py", *words)

    async def caught_up(self) -> None:
        head = position().offset

        def all_there() -> bool:
            behind = [member for member in self.members if member.cursor.offset < head]
            for member in behind:
                if member.is_live:
                    _of(member).say(type="ping")
            return not behind

        await self._rig.until(all_there, 60)

    def delivered(self) -> Found:
        """What came, compared with the log: all of it, each once, in order."""
        log = [row for row in read_log() if row.offset > self._start.offset and not row.topics.isdisjoint(_PUBLIC)]
        exact = sum(member.offsets == [row.offset for row in _up_to(log, member)] for member in self.members)
        due = sum(len(_up_to(log, member)) for member in self.members)
        came = sum(len(set(member.offsets)) for member in self.members)
        return {
            "events": len(log),
            "deliveries": f"{came} of {due}, {100 * came / max(1, due):.4f} %",
            "readers who heard exactly the log": f"{exact} of {len(self.members)}",
            "resets": sum(member.resets for member in self.members),
        }


_PUBLIC = {"site", "front"}


def _up_to(log: Sequence[Row], member: Member) -> list[Row]:
    return [row for row in log if row.offset <= member.cursor.offset]


async def _paced(rig: Rig, crowd: Crowd) -> Spread:
    """How late large events are: 20 a second of 24 KiB for 20 s."""
    for member in crowd.members:
        member.late.clear()
    press = crowd.press("--events", "400", "--rate", "20", "--size", "24576")
    await rig.until(lambda: press.process.poll() is not None, 200)
    return Spread.of([late for member in crowd.members for late in member.late])


async def _trickle(members: Sequence[Member]) -> None:
    """Each reads for a moment in each second."""
    while True:
        for member in members:
            _of(member).resume()
        await asyncio.sleep(0.002)
        for member in members:
            _of(member).pause()
        await asyncio.sleep(1)


def _of(member: Member):
    assert member.socket is not None
    return member.socket


def _memory(program: Program) -> float:
    """Resident megabytes."""
    for line in Path(f"/proc/{program.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _connections(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/fd").iterdir()))
