"""Measures recovery: readers are cut about every 15 s for about 2 s while events are published."""

import argparse
import asyncio
import random

from tests.faults.judge.expectations import Expectations
from tests.faults.judge.latency_summary import LatencySummary
from tests.faults.reader_pool import ReaderPool
from tests.faults.readers.counting_reader import be_cut
from tests.faults.rig.rig import Rig

READERS = 1000
CUT_EVERY_SECONDS, AWAY_SECONDS = 15, 2
MAX_RECOVERY_P99_MS, MAX_RECOVERY_MS = 3000, 5000  # the time away included


async def measure(rig: Rig, options: argparse.Namespace) -> Expectations:
    """Returns what was delivered, and how long recoveries took."""
    async with ReaderPool(rig, options.readers or READERS) as pool:
        pool.start(lambda reader: be_cut(reader, random.Random(random.random()), CUT_EVERY_SECONDS, AWAY_SECONDS))
        await pool.connected()
        publisher = pool.publish("--events", str(options.events), "--rate", str(options.rate))
        if options.faults:
            await _inject_faults(rig, options.events / options.rate)
        await rig.until(lambda: publisher.process.poll() is not None, 60 + 3 * options.events / options.rate)
        await pool.caught_up()
        summary = LatencySummary.of([seconds for reader in pool.readers for seconds in reader.recoveries])
        found = Expectations()
        pool.compare(found)
        within = summary.p99 <= MAX_RECOVERY_P99_MS and summary.worst <= MAX_RECOVERY_MS
        found.expect("recovery, the time away included", summary, within)
        return found


async def _inject_faults(rig: Rig, seconds: float) -> None:
    """Flushes Redis, kills and restarts it, then an edge, within the first half of the run."""
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
