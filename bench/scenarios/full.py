"""`make bench`: all systems in turns, so that what disturbs the machine for a while disturbs all of them.

It ends within 22 minutes on two idle cores. What has a gate is measured first, repetitions last. Figures go to
bench/out/results.json as they are measured; a system that cannot be measured is noted, and the run continues.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psycopg2

from bench import MeasurementError
from bench.scenarios import commit_cost, comparison, standalone
from bench.scenarios.comparison import STORM_READERS
from bench.scenarios.results import Results
from bench.systems import installs, machine, versions
from bench.systems.backing_services import BackingServices
from bench.systems.catalogue import CORE_LAYER, SYSTEMS, System

MAX_RUN_SECONDS = 21 * 60  # after which no step without a gate begins
GROWTH_READERS = (100, 10_000)
SLOW_ROUNDS = 2
ERRORS = (MeasurementError, OSError, ValueError, LookupError, subprocess.SubprocessError, psycopg2.Error)
Step = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Extent:
    """How much is measured; a smaller extent is for trying the programs out."""

    rounds: int = 3
    readers: int = 1_000
    scale: float = 1.0  # factor of the other numbers of readers
    names: Sequence[str] = ()  # of systems; empty for all

    def scaled(self, readers: int) -> int:
        return max(10, int(readers * self.scale))


def run(extent: Extent, date: str) -> Results:
    """Measures everything; notes what cannot be measured, and continues."""
    installs.build_tools()
    systems = [each for each in SYSTEMS if not extent.names or each.name in extent.names]
    skipped = {each.name: reason for each in systems if (reason := _reason_to_skip(each))}
    results = Results(date, machine.description(), versions.all_versions(), skipped=skipped)
    systems = [each for each in systems if each.name not in skipped]
    began = time.monotonic()
    machine.prepare(max(extent.readers, extent.scaled(max(GROWTH_READERS))))
    with BackingServices() as services:
        plan = _Plan(services, systems, extent, results)
        for step in plan.gated():
            _take(step, began, results)
    standalone.run_all(results)
    machine.prepare(max(extent.readers, extent.scaled(max(GROWTH_READERS))))
    with BackingServices() as services:
        plan = _Plan(services, systems, extent, results)
        for step in plan.ungated():
            if time.monotonic() - began > MAX_RUN_SECONDS:
                minutes = MAX_RUN_SECONDS / 60
                results.note(f"What came last was left out after {minutes:g} minutes: {step[0]} and what follows.")
                break
            _take(step, began, results)
    results.save()
    return results


def _take(step: Step, began: float, results: Results) -> None:
    what, measure = step
    print(f"[{(time.monotonic() - began) / 60:4.1f} min] {what}", flush=True)
    try:
        measure()
    except ERRORS as error:
        results.note(f"{what}: {str(error).strip() or type(error).__name__}")
    results.save()


@dataclass(frozen=True)
class _Plan:
    """The steps of a run, in their order."""

    services: BackingServices
    systems: Sequence[System]
    extent: Extent
    results: Results

    def gated(self) -> Iterator[Step]:
        """Yields the steps whose figures have a gate."""
        for number in range(self.extent.rounds):
            for system in self.systems:
                if system.slow and system.name != CORE_LAYER and number == SLOW_ROUNDS:
                    continue  # no gate depends on it
                what = f"round {number + 1}: {system.name}"
                yield self._step(what, comparison.deliveries, system, self.extent.readers)
        ours = [system for system in self.systems if system.resumes and not system.brief]
        for number in range(self.extent.rounds):
            for system in ours:
                yield self._storm(f"storm {number + 1}: {system.name}", system)
                yield self._commits(f"commits {number + 1}: {system.name}", system, commit_cost.MANY_READERS)
        for system in ours:
            readers = commit_cost.max_readers(self.results)
            yield self._commits(f"commits with as many readers as may be: {system.name}", system, readers)

    def ungated(self) -> Iterator[Step]:
        """Yields the steps that show more of the other systems, and then repetitions."""
        for system in self.systems:
            if (system.brief or not system.resumes) and (not system.slow or system.name == CORE_LAYER):
                yield self._storm(f"storm: {system.name}", system)
        for number in range(self.extent.rounds):
            for system in sorted(self.systems, key=lambda each: each.slow):  # the slowest last
                if not system.brief and (number == 0 or not system.slow):
                    for readers in map(self.extent.scaled, GROWTH_READERS):
                        what = f"growth: {system.name}, {readers} readers"
                        yield self._step(what, comparison.growth, system, readers)

    def _step(self, what: str, measure: Callable[..., None], *arguments: object) -> Step:
        return what, partial(measure, self.services, *arguments, self.results)

    def _storm(self, what: str, system: System) -> Step:
        return self._step(what, comparison.storm, system, self.extent.scaled(STORM_READERS))

    def _commits(self, what: str, system: System, many: int) -> Step:
        few, many = commit_cost.FEW_READERS, self.extent.scaled(many)
        turns = commit_cost.LONG_TURNS if many > commit_cost.MANY_READERS else commit_cost.SHORT_TURNS
        return self._step(what, commit_cost.measure, system, (few, many), turns)


def _reason_to_skip(system: System) -> str:
    """Installs a system; returns why it cannot be measured, or an empty string."""
    try:
        system.install()
    except ERRORS as error:
        print(f"{system.name} is left out: {error}", flush=True)
        return str(error)
    return ""
