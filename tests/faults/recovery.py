"""What is measured, and how: one function for each figure."""

import argparse
import asyncio
import random
from collections.abc import Callable, Coroutine

from tests.faults.judge.expectations import Found
from tests.faults.judge.verdict import read_log
from tests.faults.readers.counting_reader import Member, Spread, be_cut, stay
from tests.faults.rig.rig import Program, Rig
from tests.faults.run import position

ARRIVE = 180.0  # seconds for a crowd to connect on a busy machine
RECOVERY_P99, RECOVERY_WORST = 3000, 5000  # milliseconds, of readers who are away for 2 s
LATER = 5  # milliseconds by which an open transaction may delay others' events at p99: nothing but noise


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
        found = Found()
        crowd.compare(found)
        within = spread.p99 <= RECOVERY_P99 and spread.worst <= RECOVERY_WORST
        found.want("recovery, the time away included", spread, within)
        return found


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
        found, p99 = Found(), []
        for name, seconds in (("without", 0.0), (f"while a transaction is open for {options.seconds:g} s", None)):
            for member in crowd.members:
                member.late.clear()
            holder = None if seconds is not None else rig.script("rig/publisher.py", "--hold", str(options.seconds))
            press = crowd.press("--events", str(int(options.seconds * options.rate * 0.8)), "--rate", str(options.rate))
            await rig.until(lambda press=press: press.process.poll() is not None, 300)
            assert holder is None or holder.process.poll() is None, "It was not open to the end."
            spread = Spread.of([late for member in crowd.members for late in member.late])
            p99.append(spread.p99)
            found.want(name, spread, p99[-1] <= p99[0] + LATER)
        return found


class Crowd:
    """Readers of `site` and `front`, from where the log stands when they are made."""

    def __init__(self, rig: Rig, number: int) -> None:
        self._rig = rig
        self._start = position()
        self.members = [Member(rig.ports[0], ["site", "front"], self._start) for _ in range(number)]
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
        return self._rig.script("rig/publisher.py", *words)

    async def caught_up(self) -> None:
        head = position().offset

        def all_there() -> bool:
            behind = [member for member in self.members if member.cursor.offset < head]
            for member in behind:
                if member.is_live:
                    _of(member).say(type="ping")
            return not behind

        await self._rig.until(all_there, 60)

    def compare(self, found: Found) -> None:
        """What came with the log: all of it, each once, in order."""
        log = [row.offset for row in read_log() if row.offset > self._start.offset and row.topics & _PUBLIC]
        exact = sum(member.offsets == log for member in self.members)
        came = sum(len(set(member.offsets).intersection(log)) for member in self.members)
        due, readers = len(log) * len(self.members), len(self.members)
        resets = sum(member.resets for member in self.members)
        found.say("events", len(log))
        found.want("deliveries", f"{came} of {due}, {100 * came / max(1, due):.4f} %", came == due > 0)
        found.want("readers who heard exactly the log, in order", f"{exact} of {readers}", exact == readers)
        found.want("resets", resets, not resets)


_PUBLIC = {"site", "front"}


def _of(member: Member):
    assert member.socket is not None
    return member.socket
