"""Measures whether a transaction that stays open delays the events of others."""

import argparse
import random

from tests.faults.judge.expectations import Expectations
from tests.faults.judge.latency_summary import LatencySummary
from tests.faults.reader_pool import ReaderPool
from tests.faults.readers.counting_reader import stay
from tests.faults.rig.rig import Rig

READERS = 100
MAX_ADDED_P99_MS = 5  # by which an open transaction may delay others' events: no more than noise
PUBLISHING_SHARE = 0.8  # of the seconds that the transaction is open
PUBLISHER_TIMEOUT_SECONDS = 300


async def measure(rig: Rig, options: argparse.Namespace) -> Expectations:
    """Returns the delays without and beside a transaction that is open for `options.seconds`."""
    async with ReaderPool(rig, options.readers or READERS) as pool:
        pool.start(lambda reader: stay(reader, random.Random(random.random())))
        await pool.connected()
        found = Expectations()
        without = await _delays(rig, pool, options)
        found.expect("without", without, holds=True)
        holder = rig.script("rig/publisher.py", "--hold", str(options.seconds))
        beside = await _delays(rig, pool, options)
        assert holder.process.poll() is None, "It was not open to the end."
        within = beside.p99 <= without.p99 + MAX_ADDED_P99_MS
        found.expect(f"while a transaction is open for {options.seconds:g} s", beside, within)
        return found


async def _delays(rig: Rig, pool: ReaderPool, options: argparse.Namespace) -> LatencySummary:
    for reader in pool.readers:
        reader.delays.clear()
    events = int(options.seconds * options.rate * PUBLISHING_SHARE)
    publisher = pool.publish("--events", str(events), "--rate", str(options.rate))
    await rig.until(lambda: publisher.process.poll() is not None, PUBLISHER_TIMEOUT_SECONDS)
    return LatencySummary.of([seconds for reader in pool.readers for seconds in reader.delays])
