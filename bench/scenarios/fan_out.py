"""What is measured of a system, one function for each measure."""

import time
from dataclasses import dataclass
from typing import Any

from bench import Failed
from bench.load.generator import Came, Crowd
from bench.systems import machine
from bench.systems.catalogue import Server, System

IDLE = 1.0  # seconds for a server to come to rest
BURST = 400_000  # deliveries of a burst
SLOW_BURST = 20_000  # ... where the system carries some thousand a second
MOST_EVENTS, SLOW_EVENTS = 400, 90  # the core layer forgets what is beyond 100 unread


LONGEST = 60  # seconds for what was published to come
GRACE, SLOW_GRACE = 8.0, 12.0  # seconds in which nothing comes, and so nothing more will
MOST_OF_THEM = 0.9  # of the readers have to get in to measure anything; ours lets in all or fails


@dataclass(frozen=True)
class Joined:
    """What it cost that readers came."""

    live: int  # readers who got in
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


def join(server: Server, system: System, crowd: Crowd, readers: int) -> Joined:
    """Readers connect as fast as they are let in."""
    before = machine.resident([server.pid])
    said = crowd.open(readers, system.at_once, least=1.0 if system.resumes else MOST_OF_THEM)
    time.sleep(IDLE)
    return Joined(said["live"], said["rate"], (machine.resident([server.pid]) - before) / readers)


def deliver(
    server: Server, crowd: Crowd, events: int, gap: float = 0.0, once: bool = False, grace: float = GRACE
) -> tuple[Delivery, Came, dict[str, Any]]:
    """So many events, one every `gap` seconds, or as fast as may be; `once`: all in one commit (ours).

    Also what the readers and the publisher said of it.
    """
    crowd.expect(events)
    used, read = machine.cpu([server.pid]), machine.cpu([crowd.pid])
    server.publisher.say(1, events, gap, *(["once"] if once else []))
    came = crowd.wait(LONGEST, grace)
    used, read = machine.cpu([server.pid]) - used, machine.cpu([crowd.pid]) - read
    said = server.publisher.heard()
    if not came.deliveries:
        raise Failed(f"Within {grace:g} s none of {events} events came.")
    count = came.deliveries
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
    events = max(2, min(most, deliveries // readers))
    return deliver(server, crowd, events, grace=SLOW_GRACE if system.slow else GRACE)[0]
