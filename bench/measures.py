"""What is measured of a system, one function for each measure."""

import time
from dataclasses import dataclass
from typing import Any

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
    delay: float  # milliseconds, median
    delay_p99: float
    readers_cpu: float  # seconds of the load generator's core for a million
    pieces: float  # deliveries in one read of a reader
    missed: int


def join(server: Server, crowd: Crowd, readers: int, at_once: int) -> Joined:
    """Readers connect as fast as they are let in."""
    before = machine.resident([server.pid])
    said = crowd.open(readers, at_once)
    time.sleep(IDLE)
    return Joined(said["rate"], (machine.resident([server.pid]) - before) / readers)


def deliver(
    server: Server, crowd: Crowd, events: int, gap: float = 0.0, seconds: float = 60, once: bool = False
) -> tuple[Delivery, Came, dict[str, Any]]:
    """So many events, one every `gap` seconds, or as fast as may be; `once`: all in one commit (ours).

    Also what the readers and the publisher said of it.
    """
    crowd.expect(events)
    used, read = machine.cpu([server.pid]), machine.cpu([crowd.pid])
    server.publisher.say(1, events, gap, *(["once"] if once else []))
    came = crowd.wait(seconds, grace=max(3.0, 3 * gap))
    used, read = machine.cpu([server.pid]) - used, machine.cpu([crowd.pid]) - read
    said = server.publisher.heard()
    count = max(1, came.deliveries)
    cost = Delivery(
        cpu=1e6 * used / count,
        rate=came.deliveries / max(1e-6, came.seconds),
        delay=came.delay.p50,
        delay_p99=came.delay.p99,
        readers_cpu=1e6 * read / count,
        pieces=came.deliveries / max(1, came.reads),
        missed=came.missing,
    )
    return cost, came, said


def burst(server: Server, system: System, crowd: Crowd, readers: int) -> Delivery:
    most, deliveries = (SLOW_EVENTS, SLOW_BURST) if system.slow else (MOST_EVENTS, BURST)
    return deliver(server, crowd, max(2, min(most, deliveries // readers)))[0]
