"""What is measured of a system, one function for each measure."""

import statistics
import time
from dataclasses import dataclass

from bench import machine
from bench.crowd import Came, Crowd
from bench.systems import Server, System

IDLE = 1.0  # seconds for a server to come to rest
BURST = 400_000  # deliveries of a burst
SLOW_BURST = 20_000  # ... where the system carries some thousand a second
MOST_EVENTS, SLOW_EVENTS = 400, 90  # the core layer forgets what is beyond 100 unread


@dataclass(frozen=True)
class Joined:
    """What it cost that readers came."""

    rate: float  # a second
    kilobytes: float  # each, at rest


@dataclass(frozen=True)
class Delivery:
    """What deliveries cost."""

    cpu: float  # seconds of the server's core for a million
    rate: float  # deliveries a second, from the first to the last
    missing: float  # share
    delay: float  # milliseconds, median
    delay_p99: float
    pieces: float  # deliveries in one read of a reader
    exact: bool

    @classmethod
    def of(cls, came: Came, cpu: float) -> "Delivery":
        due = came.readers * came.events
        return cls(
            cpu=1e6 * cpu / max(1, came.deliveries),
            rate=came.deliveries / max(1e-6, came.seconds),
            missing=came.missing / due,
            delay=came.delay.p50,
            delay_p99=came.delay.p99,
            pieces=came.deliveries / max(1, came.reads),
            exact=came.is_exact,
        )


def join(server: Server, crowd: Crowd, readers: int, at_once: int) -> Joined:
    """Readers connect as fast as they are let in."""
    before = machine.resident([server.pid])
    said = crowd.open(readers, at_once)
    time.sleep(IDLE)
    return Joined(said["rate"], (machine.resident([server.pid]) - before) / readers)


def deliver(
    server: Server, crowd: Crowd, events: int, gap: float = 0.0, seconds: float = 60, once: bool = False
) -> tuple[Delivery, Came]:
    """So many events, one every `gap` seconds, or as fast as may be; `once`: all in one commit (ours)."""
    crowd.expect(events)
    used = machine.cpu([server.pid])
    server.publisher.say(1, events, gap, *(["once"] if once else []))
    came = crowd.wait(seconds, grace=max(3.0, 3 * gap))
    used = machine.cpu([server.pid]) - used
    server.publisher.heard()
    return Delivery.of(came, used), came


def burst(server: Server, system: System, crowd: Crowd, readers: int) -> Delivery:
    most, deliveries = (SLOW_EVENTS, SLOW_BURST) if system.slow else (MOST_EVENTS, BURST)
    return deliver(server, crowd, max(2, min(most, deliveries // readers)))[0]


def median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")
