"""Healthy readers beside bad ones, measured: how late they are, what each bad one costs, who is let go.

The load is a lively blog's: posts of 4 KiB, 20 a second, and bursts of 100 at once. Rounds without and
with bad readers alternate, so that what else the machine does falls on both alike.
"""

import argparse
import asyncio
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from tests.faults.judge.expectations import Found
from tests.faults.readers.counting_reader import Spread, stay
from tests.faults.readers.slow_readers import Reader
from tests.faults.recovery import Crowd
from tests.faults.rig.rig import Program, Rig

ROUNDS = 2
SIZE = "4096"  # bytes of a post's text
PACED = ("--events", "220", "--rate", "20", "--size", SIZE)  # for 11 s
BURST = ("--events", "100", "--rate", "10000", "--size", SIZE)
AFTER = 10.0  # seconds within which each bad reader has to be cut, or within bounds
BOUND = settings.LIVE_MAX_UNSENT_BYTES + 64 * 1024  # what comes while a reader's buffer is not full is kept whole
MOST = 1024 * 1024  # bytes of memory for each bad reader, the kernel's with it
RATIO = 1.2  # of the healthy readers' p99, beside bad ones and alone


@dataclass
class Lateness:
    """Seconds from an event to each of the healthy readers."""

    throttled: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)


async def bad(rig: Rig, options: argparse.Namespace) -> Found:
    """Stalled and trickling readers among healthy ones."""
    async with Crowd(rig, options.readers or 900) as crowd:
        crowd.live(lambda member: stay(member, random.Random(random.random())))
        await crowd.complete()
        await _round(rig, crowd, Lateness())  # nothing happens for the first time from here on
        alone, beside = Lateness(), Lateness()
        readers: list[Reader] = []
        resident = []
        for number in range(ROUNDS):
            await _round(rig, crowd, alone)
            before = _resident(rig.edges[0])
            company = Company(rig, options.bad, number)
            resident.append((await _round(rig, crowd, beside, company) - before) / (2 * options.bad))
            readers += company.readers
        await crowd.caught_up()
        found = _told(alone, beside, readers, max(0.0, *resident))
        crowd.compare(found)
        return found


async def _round(rig: Rig, crowd: Crowd, late: Lateness, company: "Company | None" = None) -> float:
    """Posts at a pace, then a burst of them; what the edge was at most meanwhile, in bytes."""
    most = 0.0
    for words, kept in ((PACED, late.throttled), (BURST, late.burst)):
        if company:
            await company.come()
        for member in crowd.members:
            member.late.clear()
        press = crowd.press(*words)
        while press.process.poll() is None or not (company is None or company.told):
            most = max(most, _resident(rig.edges[0]))
            await asyncio.sleep(0.1)
        await crowd.caught_up()
        kept += [seconds for member in crowd.members for seconds in member.late]
    if company:
        company.leave()
    return most


class Company:
    """Bad readers, in a process of their own; they come anew for each load."""

    def __init__(self, rig: Rig, number: int, name: int) -> None:
        self.readers: list[Reader] = []  # as they were `AFTER` seconds into the paced load
        self._rig = rig
        self._report = rig.home / f"bad-{name}.json"
        self._words = [str(rig.ports[0]), "--stalled", str(number), "--trickling", str(number)]
        self._program: Program | None = None

    async def come(self) -> None:
        self.leave()
        self._report.unlink(missing_ok=True)
        words = [*self._words, "--after", str(AFTER), "--report", str(self._report)]
        self._program = self._rig.script("readers/slow_readers.py", *words)
        await self._rig.until(self._report.exists)

    @property
    def told(self) -> bool:
        """Whether it is known what became of them; once is enough."""
        self.readers = self.readers or [Reader(**each) for each in json.loads(self._report.read_text())]
        return bool(self.readers)

    def leave(self) -> None:
        if self._program is not None:
            self._program.kill()


def _told(alone: Lateness, beside: Lateness, readers: list[Reader], resident: float) -> Found:
    found = Found()
    for load in ("paced", "burst"):
        without, with_them = (Spread.of(getattr(late, load)) for late in (alone, beside))
        ratio = with_them.p99 / without.p99
        found.say(f"{load}, alone", without)
        found.say(f"{load}, beside {len(readers) // ROUNDS} bad readers", with_them)
        found.want(f"{load}, p99 ratio", round(ratio, 2), ratio <= RATIO)
    cut = [each.cut_after for each in readers if each.cut_after is not None]
    held, queued = max(each.edge for each in readers), max(each.kernels for each in readers)
    found.say(f"cut within {AFTER:g} s", f"{len(cut)} of {len(readers)}, the last after {max(cut, default=0):.1f} s")
    found.want("most that the edge held for one of them, KiB", held // 1024, held <= BOUND)
    found.say("most that the kernels held for one of them, KiB", queued // 1024)
    memory = (resident + queued) / MOST
    found.want("memory for each bad reader, the kernel's with it, MB", round(memory, 2), memory <= 1)
    return found


def _resident(program: Program) -> float:
    for line in Path(f"/proc/{program.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024.0
    return 0.0
