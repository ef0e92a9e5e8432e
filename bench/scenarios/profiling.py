"""`make bench-profile`: samples an edge by py-spy in a burst, at a quiet rate and in a storm, and measures its cost."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import OUTPUT, MeasurementError
from bench.load.generator import LoadGenerator
from bench.scenarios.comparison import MAX_RECONNECTING, MISSED_EVENTS, STORM_READERS, STORM_TIMEOUT_SECONDS
from bench.systems import installs, machine
from bench.systems.backing_services import BackingServices
from bench.systems.ours import edge, row_publisher, subscription_options
from bench.systems.processes import CommandProcess

READERS = 1_000
BURST_EVENTS, QUIET_EVENTS = 9_000, 150
QUIET_GAP_SECONDS = 0.2  # between two events
WARM_UP_EVENTS = 20
UNSAMPLED_SHARE = 0.6  # of a workload's seconds, in which its cost is measured


class Period:
    """How long a workload goes on."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._end

    def wait(self) -> None:
        """Sleeps until the period is over."""
        time.sleep(max(0.0, self._end - time.monotonic()))


Drive = Callable[[LoadGenerator, CommandProcess, Period], int]


@dataclass(frozen=True)
class Workload:
    """What an edge does while it is sampled; `drive` does it for a period and returns how often."""

    name: str
    readers: int
    seconds: int
    rate: int  # samples a second
    unit: str  # of its cost
    drive: Drive


@dataclass(frozen=True)
class Profile:
    """The stacks of a workload, as py-spy writes them, and its cost without py-spy."""

    workload: Workload
    stacks: str
    main_thread: float  # share of the processor time
    kernel: float  # share of the processor time
    each: float  # microseconds of a core for one of what the workload counts


class Sampler(Period):
    """py-spy beside an edge; the period ends when py-spy does."""

    def __init__(self, program: Path, pid: int, workload: Workload) -> None:
        self._raw = OUTPUT / "profile.raw"
        self._raw.unlink(missing_ok=True)
        words = ["record", "--pid", pid, "--duration", workload.seconds, "--rate", workload.rate, "--format", "raw"]
        command = [str(program), *map(str, words), "--output", str(self._raw)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    @property
    def goes_on(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        self._process.wait()

    def stacks(self) -> str:
        """Waits for py-spy and returns its samples; raises MeasurementError if it could not attach."""
        _, errors = self._process.communicate()
        if self._process.returncode or not self._raw.exists():
            reason = (errors.strip().splitlines() or ["without a message"])[-1]
            raise MeasurementError(f"py-spy could not watch the edge: {reason}")
        return self._raw.read_text()


def deliveries(events: int, gap: float) -> Drive:
    """Returns a drive that publishes events and counts the deliveries of the period."""

    def drive(load: LoadGenerator, publisher: CommandProcess, period: Period) -> int:
        load.expect(events)
        publisher.send(1, events, gap)
        period.wait()
        return load.report().deliveries

    return drive


def storms(load: LoadGenerator, publisher: CommandProcess, period: Period) -> int:
    """Cuts all readers, lets them miss events and come back, again and again; counts those who came back."""
    came_back = 0
    while period.goes_on:
        load.expect(MISSED_EVENTS)
        load.cut()
        publisher.ask(1, MISSED_EVENTS, 0.0)
        came_back += load.reconnect(MAX_RECONNECTING, STORM_TIMEOUT_SECONDS)["live"]
    return came_back


DELIVERY = "microseconds of a core for a delivery"
RETURN = "microseconds of a core for a reader who comes back"
WORKLOADS = (
    Workload("A burst", READERS, 10, 250, DELIVERY, deliveries(BURST_EVENTS, 0.0)),
    Workload("5 events a second", READERS, 25, 500, DELIVERY, deliveries(QUIET_EVENTS, QUIET_GAP_SECONDS)),
    Workload("A storm", STORM_READERS, 15, 250, RETURN, storms),
)


def run() -> list[Profile]:
    """Runs each workload twice: its cost is measured without py-spy, which stops the process for each sample."""
    installs.build_tools()
    program = installs.py_spy()
    machine.prepare(max(workload.readers for workload in WORKLOADS))
    profiles = []
    with BackingServices() as services:
        for workload in WORKLOADS:
            print(f"{workload.name}: {workload.readers:,} readers, {workload.seconds} s", flush=True)
            with _loaded_edge(services, workload) as (pid, load, publisher):
                costs = _costs(workload, pid, load, publisher)
            with _loaded_edge(services, workload) as (pid, load, publisher):
                sampler = Sampler(program, pid, workload)
                workload.drive(load, publisher, sampler)
                profiles.append(Profile(workload, sampler.stacks(), *costs))
    return profiles


@contextmanager
def _loaded_edge(services: BackingServices, workload: Workload) -> Iterator[tuple[int, LoadGenerator, CommandProcess]]:
    """Yields the pid of an edge, its connected readers and a publisher."""
    options = subscription_options("site")
    with (
        edge(services) as (process, port),
        row_publisher(services) as publisher,
        LoadGenerator(port, options) as load,
    ):
        publisher.ask(1, WARM_UP_EVENTS, 0.0)  # the first commits are slow
        load.connect(workload.readers)
        yield process.pid, load, publisher


def _costs(workload: Workload, pid: int, load: LoadGenerator, publisher: CommandProcess) -> tuple[float, float, float]:
    """Returns the shares of the main thread and of the kernel, and the microseconds of `Profile.each`."""
    before, kernel = machine.main_thread_and_all_seconds(pid), machine.kernel_seconds(pid)
    count = workload.drive(load, publisher, Period(workload.seconds * UNSAMPLED_SHARE))
    after = machine.main_thread_and_all_seconds(pid)
    main_thread, everything = (end - start for start, end in zip(before, after, strict=True))
    kernel = machine.kernel_seconds(pid) - kernel
    return main_thread / everything, kernel / everything, 1e6 * everything / max(1, count)
