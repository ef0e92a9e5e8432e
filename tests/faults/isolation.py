"""Measures how slow readers affect the healthy ones beside them, what each costs the edge, and which are cut.

The load is that of a lively blog: posts of 4 KiB, 20 a second, and bursts of 100. Rounds without and with slow readers
alternate, so that what else the machine does falls on both alike.
"""

import argparse
import asyncio
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from tests.faults.judge.expectations import Expectations
from tests.faults.judge.latency_summary import LatencySummary
from tests.faults.reader_pool import ReaderPool
from tests.faults.readers.counting_reader import stay
from tests.faults.readers.slow_readers import SlowReaderReport
from tests.faults.rig.program import Program
from tests.faults.rig.rig import Rig

READERS = 900
ROUNDS = 2
POST_BYTES = "4096"
PACED = ("--events", "220", "--rate", "20", "--size", POST_BYTES)  # for 11 s
BURST = ("--events", "100", "--rate", "10000", "--size", POST_BYTES)
REPORT_SECONDS = 10.0  # within which each slow reader has to be cut, or within bounds
MAX_UNSENT_BYTES = settings.LIVE_MAX_UNSENT_BYTES + 64 * 1024  # the write that fills a buffer is kept as a whole
MAX_MEMORY_BYTES = 1024 * 1024  # for each slow reader, the kernel's queues included
MAX_P99_RATIO = 1.2  # of the healthy readers' delays, beside slow ones and alone


@dataclass
class Delays:
    """Seconds from an event to each of the healthy readers."""

    paced: list[float] = field(default_factory=list)
    burst: list[float] = field(default_factory=list)


async def measure(rig: Rig, options: argparse.Namespace) -> Expectations:
    """Returns the delays of healthy readers with and without slow ones, and what became of those."""
    async with ReaderPool(rig, options.readers or READERS) as pool:
        pool.start(lambda reader: stay(reader, random.Random(random.random())))
        await pool.connected()
        await _round(rig, pool, Delays())  # warms up: what happens only once is not measured
        alone, beside = Delays(), Delays()
        reports: list[SlowReaderReport] = []
        resident = []
        for number in range(ROUNDS):
            await _round(rig, pool, alone)
            before = _resident(rig.edges[0])
            slow = SlowReaderProcess(rig, options.bad, number)
            grown = await _round(rig, pool, beside, slow) - before
            resident.append(grown / (2 * options.bad))
            reports += slow.reports
        await pool.caught_up()
        found = _judge(alone, beside, reports, max(0.0, *resident))
        pool.compare(found)
        return found


async def _round(rig: Rig, pool: ReaderPool, delays: Delays, slow: "SlowReaderProcess | None" = None) -> float:
    """Publishes at a pace and then a burst; returns the largest memory of the edge meanwhile, in bytes."""
    most = 0.0
    for words, kept in ((PACED, delays.paced), (BURST, delays.burst)):
        if slow:
            await slow.start()
        for reader in pool.readers:
            reader.delays.clear()
        publisher = pool.publish(*words)
        while publisher.process.poll() is None or not (slow is None or slow.has_reported):
            most = max(most, _resident(rig.edges[0]))
            await asyncio.sleep(0.1)
        await pool.caught_up()
        kept += [seconds for reader in pool.readers for seconds in reader.delays]
    if slow:
        slow.stop()
    return most


class SlowReaderProcess:
    """Slow readers in a process of their own, started anew for each load."""

    def __init__(self, rig: Rig, number: int, name: int) -> None:
        self.reports: list[SlowReaderReport] = []  # REPORT_SECONDS into the paced load
        self._rig = rig
        self._report = rig.home / f"slow-readers-{name}.json"
        self._words = [str(rig.ports[0]), "--stalled", str(number), "--trickling", str(number)]
        self._program: Program | None = None

    async def start(self) -> None:
        """Starts the process, and waits until its readers are connected."""
        self.stop()
        self._report.unlink(missing_ok=True)
        words = [*self._words, "--after", str(REPORT_SECONDS), "--report", str(self._report)]
        self._program = self._rig.script("readers/slow_readers.py", *words)
        await self._rig.until(self._report.exists)

    @property
    def has_reported(self) -> bool:
        """Whether the readers of the first load were reported; their reports are kept."""
        self.reports = self.reports or [SlowReaderReport(**each) for each in json.loads(self._report.read_text())]
        return bool(self.reports)

    def stop(self) -> None:
        if self._program is not None:
            self._program.kill()


def _judge(alone: Delays, beside: Delays, reports: list[SlowReaderReport], resident: float) -> Expectations:
    found = Expectations()
    for load in ("paced", "burst"):
        without, with_them = (LatencySummary.of(getattr(delays, load)) for delays in (alone, beside))
        ratio = with_them.p99 / without.p99
        found.record(f"{load}, alone", without)
        found.record(f"{load}, beside {len(reports) // ROUNDS} slow readers", with_them)
        found.expect(f"{load}, p99 ratio", round(ratio, 2), ratio <= MAX_P99_RATIO)
    cut = [each.cut_after for each in reports if each.cut_after is not None]
    held, queued = max(each.edge for each in reports), max(each.kernels for each in reports)
    found.record(
        f"cut within {REPORT_SECONDS:g} s", f"{len(cut)} of {len(reports)}, the last after {max(cut, default=0):.1f} s"
    )
    found.expect("most that the edge held for one of them, KiB", held // 1024, held <= MAX_UNSENT_BYTES)
    found.record("most that the kernels held for one of them, KiB", queued // 1024)
    memory = (resident + queued) / MAX_MEMORY_BYTES
    found.expect("memory for each slow reader, the kernel's with it, MB", round(memory, 2), memory <= 1)
    return found


def _resident(program: Program) -> float:
    for line in Path(f"/proc/{program.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024.0
    return 0.0
