"""`make bench-profile`: where an edge spends its time, by py-spy: in a burst, at a quiet rate, and in a storm."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import Failed
from bench.load.generator import Crowd
from bench.report import stack_samples
from bench.report.goals import GOALS, STORM
from bench.scenarios.results import FILE, HELD, Results
from bench.systems import installs, machine
from bench.systems.ours import Services, commits, edge, follow
from bench.systems.processes import OUT, Told

READERS = 1_000
BURST, QUIET = 9_000, 150  # events
GAP = 0.2  # seconds
MISSED = 5  # events of a storm
UNWATCHED = 0.6  # of the seconds of a load


class Watch:
    """For how long a load goes on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._end

    def wait(self) -> None:
        time.sleep(max(0.0, self._end - time.monotonic()))


Drive = Callable[[Crowd, Told, Watch], int]


@dataclass(frozen=True)
class Load:
    """What an edge does while it is watched; `drive` does it, and tells how often."""

    name: str
    readers: int
    seconds: int
    rate: int  # samples a second
    unit: str  # of what it costs
    drive: Drive


@dataclass(frozen=True)
class Profile:
    load: Load
    samples: stack_samples.Samples
    loop: float  # the loop's thread, of all
    kernel: float  # the kernel's part of all
    each: float  # microseconds of a core for one of what it did

    def lines(self) -> Iterator[str]:
        load = self.load
        yield from ("", f"**{load.name}**, {load.readers:,} readers; what it costs is in {load.unit}.")
        yield f"{self.each:,.2f} in all, of which {self.kernel:.0%} in the kernel:"
        yield from ("", *self.samples.by_kind(self.loop, self.each))
        yield from ("", f"The functions that the loop's thread was in ({self.loop:.0%} of all):")
        yield from ("", "```", *self.samples.by_function(), "```")


class Spy(Watch):
    """py-spy beside an edge, for so long."""

    def __init__(self, program: Path, pid: int, load: Load) -> None:
        self._raw = OUT / "profile.raw"
        self._raw.unlink(missing_ok=True)
        words = ["record", "--pid", pid, "--duration", load.seconds, "--rate", load.rate, "--format", "raw"]
        command = [str(program), *map(str, words), "--output", str(self._raw)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @property
    def goes_on(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        self._process.wait()

    def read(self) -> stack_samples.Samples:
        _, said = self._process.communicate()
        if self._process.returncode or not self._raw.exists():
            raise Failed(f"py-spy could not watch the edge: {(said.strip().splitlines() or ['it said nothing'])[-1]}")
        return stack_samples.read(self._raw)


def deliveries(events: int, gap: float) -> Drive:
    """As many as came while it was watched."""

    def drive(crowd: Crowd, publisher: Told, watch: Watch) -> int:
        crowd.expect(events)
        publisher.say(1, events, gap)
        watch.wait()
        return crowd.report().deliveries

    return drive


def storms(crowd: Crowd, publisher: Told, watch: Watch) -> int:
    """All are cut, miss something and come back, again and again."""
    came = 0
    while watch.goes_on:
        crowd.expect(MISSED)
        crowd.cut()
        publisher.ask(1, MISSED, 0.0)
        came += crowd.back(1000, 60)["back"]
    return came


LOADS = (
    Load("A burst", READERS, 10, 250, "microseconds of a core for a delivery", deliveries(BURST, 0.0)),
    Load("5 events a second", READERS, 25, 500, "microseconds of a core for a delivery", deliveries(QUIET, GAP)),
    Load("A storm", STORM, 15, 250, "microseconds of a core for a reader who comes back", storms),
)


def run() -> list[Profile]:
    """Each load twice: what it costs is measured while nobody watches, since who is watched is stopped for it."""
    installs.tools()
    program = installs.py_spy()
    machine.prepare(max(load.readers for load in LOADS))
    found = []
    with Services() as services:
        for load in LOADS:
            print(f"{load.name}: {load.readers:,} readers, {load.seconds} s", flush=True)
            with _loaded(services, load) as (pid, crowd, publisher):
                costs = _costs(load, pid, crowd, publisher)
            with _loaded(services, load) as (pid, crowd, publisher):
                spy = Spy(program, pid, load)
                load.drive(crowd, publisher, spy)
                found.append(Profile(load, spy.read(), *costs))
    return found


@contextmanager
def _loaded(services: Services, load: Load) -> Iterator[tuple[int, Crowd, Told]]:
    """An edge with its readers, and who publishes to them."""
    with edge(services) as (process, port), commits(services) as publisher, Crowd(port, follow("site")) as crowd:
        publisher.ask(1, 20, 0.0)  # what is slow the first time
        crowd.open(load.readers)
        yield process.pid, crowd, publisher


def _costs(load: Load, pid: int, crowd: Crowd, publisher: Told) -> tuple[float, float, float]:
    """The loop's thread and the kernel, of all; microseconds for one of what it did."""
    before, kernel = machine.loop_and_all(pid), machine.in_kernel(pid)
    count = load.drive(crowd, publisher, Watch(load.seconds * UNWATCHED))
    loop, everything = (b - a for a, b in zip(before, machine.loop_and_all(pid), strict=True))
    kernel = machine.in_kernel(pid) - kernel
    return loop / everything, kernel / everything, 1e6 * everything / max(1, count)


def page(date: str, profiles: list[Profile]) -> Iterator[str]:
    """For docs/performance.md."""
    yield f"Of {date}, what each load costs, measured while nobody watches, and the shares of its parts, by py-spy."
    for profile in profiles:
        yield from profile.lines()
    if short := list(_short_of_goals()):
        yield from ("", f"Not at their goals, by the last `make bench`: {'; '.join(short)}.")


def _short_of_goals() -> Iterator[str]:
    if FILE.exists():
        results = Results.read()
        results.take_held(HELD)
        for goal in GOALS:
            what, ours, _, aim, reached = goal.row(results)
            if aim and reached not in ("goal", "not measured"):
                yield f"{what.removeprefix('... ')} {ours} ({aim})"
