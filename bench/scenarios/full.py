"""`make bench`: all systems in turns, so that what troubles the machine for a while troubles all of them.

Ends within 22 minutes on two idle cores. What is judged comes first, what makes it surer last. Figures go to
bench/out/results.json as they come; whoever cannot be measured is named, and the rest goes on.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg2

from bench import Failed
from bench.load.generator import Crowd
from bench.report.goals import CORE, STORM
from bench.scenarios import commit_cost, fan_out, standalone
from bench.scenarios.results import Results, lateness
from bench.systems import installs, machine, versions
from bench.systems.catalogue import SYSTEMS, Server, System
from bench.systems.ours import Services

LONGEST = 21 * 60  # seconds, after which nothing more begins of what is not judged
QUIET = (40, 0.2)  # events, seconds between two
STEADY = (300, 0.01)
COUNTS = (100, 10_000)  # readers, for growth
SLOW_ROUNDS = 2
MISSED = 5  # events while readers are away
TROUBLE = (Failed, OSError, ValueError, LookupError, subprocess.SubprocessError, psycopg2.Error)
Step = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Extent:
    """How much is measured; less than all is for trying the programs out."""

    rounds: int = 3
    readers: int = 1_000
    scale: float = 1.0  # of the numbers of readers that stand above
    names: Sequence[str] = ()  # of systems; none: all

    def scaled(self, readers: int) -> int:
        return max(10, int(readers * self.scale))


def run(extent: Extent, date: str) -> Results:
    """Everything. What cannot be measured is noted, and the rest goes on."""
    installs.tools()
    systems = [each for each in SYSTEMS if not extent.names or each.name in extent.names]
    skipped = {each.name: why for each in systems if (why := _absence(each))}
    results = Results(date, machine.description(), versions.of_all(), skipped=skipped)
    systems = [each for each in systems if each.name not in skipped]
    began = time.monotonic()
    machine.prepare(max(extent.readers, extent.scaled(max(COUNTS))))
    with Services() as services:
        plan = _Plan(services, systems, extent, results)
        for step in plan.judged():
            _take(step, began, results)
    standalone.run(results)
    machine.prepare(max(extent.readers, extent.scaled(max(COUNTS))))
    with Services() as services:
        plan = _Plan(services, systems, extent, results)
        for step in plan.more():
            if time.monotonic() - began > LONGEST:
                results.note(f"What came last was left out after {LONGEST / 60:g} minutes: {step[0]} and what follows.")
                break
            _take(step, began, results)
    results.save()
    return results


def _take(step: Step, began: float, results: Results) -> None:
    what, measure = step
    print(f"[{(time.monotonic() - began) / 60:4.1f} min] {what}", flush=True)
    try:
        measure()
    except TROUBLE as error:
        results.note(f"{what}: {str(error).strip() or type(error).__name__}")
    results.save()


@dataclass(frozen=True)
class _Plan:
    """What is measured, in the order in which it is."""

    services: Services
    systems: Sequence[System]
    extent: Extent
    results: Results

    def judged(self) -> Iterator[Step]:
        for number in range(self.extent.rounds):
            for system in self.systems:
                if system.slow and system.name != CORE and number == SLOW_ROUNDS:
                    continue  # nothing is judged by it
                yield self._step(f"round {number + 1}: {system.name}", deliveries, system, self.extent.readers)
        for number in range(self.extent.rounds):
            for system in self.systems:
                if system.resumes and not system.aside:
                    yield self._step(f"storm {number + 1}: {system.name}", storm, system, self.extent.scaled(STORM))
                    yield self._evenly(f"commits {number + 1}: {system.name}", system, commit_cost.MANY)
        for system in self.systems:
            if system.resumes and not system.aside:
                yield self._evenly(
                    f"commits with as many readers as may be: {system.name}", system, commit_cost.most(self.results)
                )

    def more(self) -> Iterator[Step]:
        """What shows more of the others, and then repetitions."""
        for system in self.systems:
            if (system.aside or not system.resumes) and (not system.slow or system.name == CORE):
                yield self._step(f"storm: {system.name}", storm, system, self.extent.scaled(STORM))
        for number in range(self.extent.rounds):
            for system in sorted(self.systems, key=lambda each: each.slow):  # those who take longest, last
                if not system.aside and (number == 0 or not system.slow):
                    for readers in map(self.extent.scaled, COUNTS):
                        yield self._step(f"growth: {system.name}, {readers} readers", growth, system, readers)

    def _step(self, what: str, measure: Callable[..., None], *words: object) -> Step:
        return what, partial(measure, self.services, *words, self.results)

    def _evenly(self, what: str, system: System, many: int) -> Step:
        few, many = commit_cost.FEW, self.extent.scaled(many)
        turns = commit_cost.LONG if many > commit_cost.MANY else commit_cost.SHORT
        return self._step(what, commit_cost.measure, system, (few, many), turns)


def _absence(system: System) -> str:
    """Why it cannot be measured here; empty where it can."""
    try:
        system.install()
    except TROUBLE as error:
        print(f"{system.name} is left out: {error}", flush=True)
        return str(error)
    return ""


def deliveries(services: Services, system: System, readers: int, results: Results) -> None:
    """Connecting, memory, a burst, a quiet and a steady rate."""
    name = system.name
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        joined = fan_out.join(server, system, crowd, readers)
        results.add(name, "connects", joined.rate)
        results.add(name, "kilobytes", joined.kilobytes)
        cost = fan_out.burst(server, system, crowd, readers)
        results.add(name, "burst", cost.cpu)
        results.add(name, "burst rate", cost.rate)
        results.add(name, "readers", cost.readers_cpu)
        _note_missed(name, "a burst", cost.missed, results)
        paces = {"quiet": QUIET} if system.slow or system.aside else {"quiet": QUIET, "steady": STEADY}
        for measure, pace in paces.items():
            others = _Others(services) if name == "ours" else None
            _paced(name, measure, server, crowd, pace, results)
            if others:
                others.add(results, measure, pace[0])
        if name == "ours":
            results.add(name, "coalesced", fan_out.deliver(server, crowd, fan_out.MOST_EVENTS, once=True)[0].cpu)


def _paced(name: str, measure: str, server: Server, crowd: Crowd, pace: tuple[int, float], results: Results) -> None:
    cost, _, said = fan_out.deliver(server, crowd, *pace)
    results.add(name, measure, cost.cpu)
    results.add(name, f"{measure} p50", cost.delay)
    results.add(name, f"{measure} p99", cost.delay_p99)
    _note_missed(name, f"{measure} events", cost.missed, results)
    if "ends" in said:  # ours: when it was committed
        lasts = crowd.lasts()
        results.add(name, f"{measure} commit to last", *lateness(said["ends"], lasts))
        results.add(name, f"{measure} save to last", *lateness(said["starts"], lasts))


class _Others:
    """What the hub's look costs PostgreSQL, and the bell costs Valkey."""

    def __init__(self, services: Services) -> None:
        self._pids = {"look": services.log_sessions(), "bell": [services.running["Valkey"].pid]}
        self._before = {name: machine.cpu(pids) for name, pids in self._pids.items()}

    def add(self, results: Results, measure: str, events: int) -> None:
        """Milliseconds of a core for each event."""
        for name, pids in self._pids.items():
            results.add("ours", f"{measure} {name}", 1000 * (machine.cpu(pids) - self._before[name]) / events)


def growth(services: Services, system: System, readers: int, results: Results) -> None:
    """The same burst with fewer and with more readers."""
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        joined = fan_out.join(server, system, crowd, readers)
        cost = fan_out.burst(server, system, crowd, readers)
        results.add(system.name, f"burst at {readers}", cost.cpu)
        if joined.live < readers:
            results.note(f"{system.name}: {joined.live:,} of {readers:,} readers got in.")
        _note_missed(system.name, f"a burst to {readers:,} readers", cost.missed, results)


def storm(services: Services, system: System, readers: int, results: Results) -> None:
    """All are cut at once and come back; meanwhile something was published."""
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        fan_out.join(server, system, crowd, readers)
        crowd.expect(2 * MISSED)
        crowd.until(MISSED)
        server.publisher.ask(1, MISSED, 0.05)
        crowd.wait(30)
        crowd.cut()
        server.publisher.ask(MISSED + 1, MISSED, 0.0)
        crowd.until(2 * MISSED)
        back = crowd.back(1000, 60)
        lost = crowd.report().missing
        results.add(system.name, "storm back", back["back"])
        results.add(system.name, "storm lost", lost)
        if back["back"] == readers:
            results.add(system.name, "storm live", back["live_seconds"])
            results.add(system.name, "storm", back["whole_seconds"])


def _note_missed(name: str, what: str, missed: int, results: Results) -> None:
    if missed:
        results.note(f"{name}: {missed:,} deliveries of {what} were lost.")
