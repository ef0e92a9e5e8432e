"""`make bench`: all systems in turns, so that what troubles the machine for a while troubles all of them.

Ends within twenty minutes on two idle cores. Figures go to bench/out/results.json as they come.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import Failed, installs, machine, measures, others, versions
from bench.crowd import Crowd
from bench.goals import CORE
from bench.newsroom import Services
from bench.results import Results, lateness
from bench.systems import SYSTEMS, Server, System

LONGEST = 14 * 60  # seconds; what comes last are repetitions
QUIET = (40, 0.2)  # events, seconds between two
STEADY = (300, 0.01)
FEW, MANY = 100, 10_000  # readers, for growth
STORM, MISSED = 5_000, 5  # readers, and events while they are away
COMMITS, PAUSE = 80, 0.06  # what publishing costs: commits, and seconds in which their fan-out ends
FOLLOWERS = (10, 1_000, 5_000)


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
    results = Results(date, machine.description(), versions.of_all())
    systems = [each for each in SYSTEMS if not extent.names or each.name in extent.names]
    systems = [each for each in systems if _is_there(each, results)]
    machine.prepare(max(extent.readers, extent.scaled(MANY)))
    with Services() as services:
        plan = _plan(services, systems, extent, results)
        began = time.monotonic()
        for number, (what, measure) in enumerate(plan, 1):
            if time.monotonic() - began > LONGEST:
                results.note(f"After {LONGEST / 60:g} minutes {len(plan) - number + 1} repetitions were left out.")
                break
            print(f"[{number}/{len(plan)}, {time.monotonic() - began:.0f} s] {what}", flush=True)
            try:
                measure()
            except Failed as error:
                results.note(f"{what}: {error}")
            results.save()
    others.run(results)
    results.save()
    return results


def _plan(
    services: Services, systems: Sequence[System], extent: Extent, results: Results
) -> list[tuple[str, Callable[[], None]]]:
    steps: list[tuple[str, Callable[[], None]]] = []

    def step(what: str, measure: Callable[..., None], *words: object) -> None:
        steps.append((what, lambda: measure(services, *words, results)))

    for number in range(extent.rounds):
        for system in systems:
            step(f"round {number + 1}: {system.name}", deliveries, system, extent.readers)
    for number in range(extent.rounds):
        for system in systems:
            if number == 0 or not system.slow:
                for readers in (extent.scaled(FEW), extent.scaled(MANY)):
                    step(f"growth: {system.name}, {readers} readers", growth, system, readers)
            if system.resumes or (number == 0 and (not system.slow or system.name == CORE)):
                step(f"storm: {system.name}", storm, system, extent.scaled(STORM))
        if any(system.resumes for system in systems):
            step("cost of publishing", publishing, systems[0], [extent.scaled(each) for each in FOLLOWERS])
    return steps


def _is_there(system: System, results: Results) -> bool:
    try:
        system.install()
    except Failed as error:
        results.skipped[system.name] = str(error)
        print(f"{system.name} is left out: {error}", flush=True)
        return False
    return True


def deliveries(services: Services, system: System, readers: int, results: Results) -> None:
    """Connecting, memory, a burst, a quiet and a steady rate."""
    name = system.name
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        joined = measures.join(server, system, crowd, readers)
        results.add(name, "connects", joined.rate)
        results.add(name, "kilobytes", joined.kilobytes)
        cost = measures.burst(server, system, crowd, readers)
        results.add(name, "burst", cost.cpu)
        results.add(name, "burst rate", cost.rate)
        results.add(name, "readers", cost.readers_cpu)
        _note_missed(name, "a burst", cost.missed, results)
        paces = {"quiet": QUIET} if system.slow else {"quiet": QUIET, "steady": STEADY}
        for measure, pace in paces.items():
            others = _Others(services) if system.resumes else None
            _paced(name, measure, server, crowd, pace, results)
            if others:
                others.add(results, measure, pace[0])
        if system.resumes:
            results.add(name, "coalesced", measures.deliver(server, crowd, measures.MOST_EVENTS, once=True)[0].cpu)


def _paced(name: str, measure: str, server: Server, crowd: Crowd, pace: tuple[int, float], results: Results) -> None:
    cost, _, said = measures.deliver(server, crowd, *pace)
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
        joined = measures.join(server, system, crowd, readers)
        cost = measures.burst(server, system, crowd, readers)
        results.add(system.name, f"burst at {readers}", cost.cpu)
        if joined.live < readers:
            results.note(f"{system.name} let in {joined.live} of {readers} readers.")
        _note_missed(system.name, f"a burst at {readers} readers", cost.missed, results)


def storm(services: Services, system: System, readers: int, results: Results) -> None:
    """All are cut at once and come back; meanwhile something was published."""
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        measures.join(server, system, crowd, readers)
        crowd.expect(2 * MISSED)
        crowd.until(MISSED)
        server.publisher.ask(1, MISSED, 0.05)
        crowd.wait(30)
        crowd.cut()
        server.publisher.ask(MISSED + 1, MISSED, 0.0)
        crowd.until(2 * MISSED)
        back = crowd.back(1000, 60)
        lost = crowd.report().missing
        results.add(system.name, "storm", back["whole_seconds"])
        results.add(system.name, "storm back", back["back"])
        results.add(system.name, "storm lost", lost)


def publishing(services: Services, system: System, followers: Sequence[int], results: Results) -> None:
    """What a commit costs who commits, with few readers and with many."""
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        server.publisher.ask(1, COMMITS // 2, 0.0)  # what is slow the first time
        for readers in followers:
            crowd.open(readers)
            crowd.expect(COMMITS)
            server.publisher.say(1, COMMITS, PAUSE)
            crowd.wait(60)
            said = server.publisher.heard()
            took = [(end - start) / 1e6 for start, end in zip(said["starts"], said["ends"], strict=True)]
            results.add(system.name, f"commit at {readers}", sorted(took)[len(took) // 2])
            results.add(system.name, f"commit cpu at {readers}", 1000 * said["cpu"] / COMMITS)


def _note_missed(name: str, what: str, missed: int, results: Results) -> None:
    if missed:
        results.note(f"{name} lost {missed} deliveries of {what}.")
