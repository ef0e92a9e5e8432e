"""Measures what a commit costs its publisher, with few readers and with many.

The claim is that publishing does not become dearer with readers. So one process commits to one edge, in turns with few
readers and with many, one commit at a time: the next one waits until every reader has the last event. The bell rings
before the commit is answered, so readers may receive meanwhile: here they run on the edge's core, which leaves the core
of the publisher and of PostgreSQL alone. A draft is saved before each commit and is not measured: its event takes the
same way but reaches no reader, so what a commit needs is in the processor's caches, whatever ran in between. Turns
with few and with many readers commit at the same pace, so that nothing that depends on time favours either.

A publisher that did something for each reader could not pass. A row, a key or a message for each reader, at only a
microsecond of its own processor or of waiting for another's, would make 5,000 readers cost 5 ms more than 10, and a
commit takes about 4 ms.
"""

import os
import time
from dataclasses import dataclass
from statistics import median

from bench import MeasurementError
from bench.load.generator import LoadGenerator
from bench.scenarios.results import Results
from bench.systems import machine
from bench.systems.backing_services import BackingServices
from bench.systems.catalogue import Server, System
from bench.systems.processes import wait_until

FEW_READERS, MANY_READERS, TARGET_READERS = 10, 5_000, 50_000
OTHER_FILES = 40  # that an edge may keep open beside the sockets of its readers
WARM_UP_COMMITS = 40
MAX_DELIVERY_SECONDS = 30  # for a commit to reach all readers


@dataclass(frozen=True)
class Turns:
    """How often few and many readers take turns."""

    number: int
    commits: int  # of each turn, with few readers and with many
    pace: float  # seconds between two commits


SHORT_TURNS, LONG_TURNS = Turns(3, 25, 0.15), Turns(2, 15, 0.5)  # the latter for more than MANY_READERS


@dataclass(frozen=True)
class CommitCost:
    """Milliseconds, medians."""

    took: float
    cpu: float  # of the publisher's core


class CommitMeter:
    """Commits one by one to the readers of a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        server.publisher.ask(1, WARM_UP_COMMITS, 0.0)  # the first commits are slow

    def measure(self, readers: int, turns: Turns) -> CommitCost:
        """Connects readers, commits to them, disconnects them and returns the medians."""
        with LoadGenerator(self._server.port, self._server.reader_options) as load:
            machine.pin(load.pid, machine.SERVER_CORE)
            load.connect(readers)
            began, costs = time.monotonic(), []
            for done in range(turns.commits):
                time.sleep(max(0.0, began + done * turns.pace - time.monotonic()))
                costs.append(self._commit(load))
        most_files = FEW_READERS + OTHER_FILES
        wait_until(lambda: _open_files(self._server.pid) < most_files, "the edge's closing of its readers' sockets")
        return CommitCost(median(each.took for each in costs), median(each.cpu for each in costs))

    def _commit(self, load: LoadGenerator) -> CommitCost:
        publisher = self._server.publisher
        load.expect(1)
        publisher.send(1, 1, 0.0, "warm")
        report = load.wait(MAX_DELIVERY_SECONDS, MAX_DELIVERY_SECONDS)
        timings = publisher.ask("received")
        if not report.is_exact:
            raise MeasurementError(f"{report.missing} of {report.readers} readers did not hear of a commit.")
        before, after = timings["used"]
        return CommitCost((timings["ends"][0] - timings["starts"][0]) / 1e6, 1000 * (after - before))


def measure(
    services: BackingServices, system: System, readers: tuple[int, int], turns: Turns, results: Results
) -> None:
    """Adds the costs of each turn and the ratios of many readers to few; which comes first alternates."""
    few, many = readers
    with system.start(services) as server:
        meter = CommitMeter(server)
        for turn in range(turns.number):
            order = (few, many) if turn % 2 else (many, few)
            costs = {count: meter.measure(count, turns) for count in order}
            for count, cost in costs.items():
                results.add(system.name, f"commit at {count}", cost.took)
                results.add(system.name, f"commit cpu at {count}", cost.cpu)
            results.add(system.name, f"commit ratio at {many}", costs[many].took / costs[few].took)
            results.add(system.name, f"commit cpu ratio at {many}", costs[many].cpu / costs[few].cpu)


def max_readers(results: Results) -> int:
    """Returns TARGET_READERS, or, with a note, how many one process of this account may have if that is less."""
    found = min(TARGET_READERS, machine.max_readers())
    if found < TARGET_READERS:
        results.note(
            f"{TARGET_READERS:,} readers are as many open files of one process; this account may have "
            f"{machine.max_open_files():,}, so commits were measured with at most {found:,} readers."
        )
    return found


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
