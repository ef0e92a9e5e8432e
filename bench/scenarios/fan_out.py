"""Connects readers to a system and delivers events to them: what both cost."""

import time
from dataclasses import dataclass
from typing import Any

from bench import MeasurementError
from bench.load.generator import DeliveryReport, LoadGenerator
from bench.systems import machine
from bench.systems.catalogue import Server, System

SETTLE_SECONDS = 1.0  # for a server to become idle after readers have connected
BURST_DELIVERIES, SLOW_BURST_DELIVERIES = 400_000, 20_000  # the latter for systems that carry some thousand a second
MAX_EVENTS, MAX_SLOW_EVENTS = 400, 90  # of a burst; the core layer drops what is beyond 100 unread messages
MAX_DELIVERY_SECONDS = 60  # for published events to arrive
GRACE_SECONDS, SLOW_GRACE_SECONDS = 8.0, 12.0  # of silence, after which no more deliveries are expected
MIN_CONNECTED_SHARE = 0.9  # of the readers of other systems; ours connects all or fails


@dataclass(frozen=True)
class ConnectCost:
    """What connecting readers cost."""

    live: int
    rate: float  # readers a second
    kilobytes: float  # of resident memory for each idle reader


@dataclass(frozen=True)
class DeliveryCost:
    """What deliveries cost."""

    cpu: float  # seconds of the server's core for a million
    rate: float  # deliveries a second, from the first to the last
    delay: float  # milliseconds, median
    delay_p99: float
    readers_cpu: float  # seconds of the load generator's core for a million
    missed: int


def connect(server: Server, system: System, load: LoadGenerator, readers: int) -> ConnectCost:
    """Connects readers as fast as the system accepts them."""
    before = machine.resident_kilobytes([server.pid])
    min_share = 1.0 if system.resumes else MIN_CONNECTED_SHARE
    answer = load.connect(readers, system.max_connecting, min_share=min_share)
    time.sleep(SETTLE_SECONDS)
    grown = machine.resident_kilobytes([server.pid]) - before
    return ConnectCost(answer["live"], answer["rate"], grown / readers)


def deliver(
    server: Server,
    load: LoadGenerator,
    events: int,
    gap: float = 0.0,
    one_commit: bool = False,
    grace: float = GRACE_SECONDS,
) -> tuple[DeliveryCost, DeliveryReport, dict[str, Any]]:
    """Publishes events, one every `gap` seconds, or as fast as the server takes them where it is 0.

    `one_commit` publishes all in one transaction, which only this project can. Returns the cost, the readers' report
    and the publisher's answer.
    """
    load.expect(events)
    server_cpu, load_cpu = machine.cpu_seconds([server.pid]), machine.cpu_seconds([load.pid])
    server.publisher.send(1, events, gap, *(["one-commit"] if one_commit else []))
    report = load.wait(MAX_DELIVERY_SECONDS, grace)
    server_cpu = machine.cpu_seconds([server.pid]) - server_cpu
    load_cpu = machine.cpu_seconds([load.pid]) - load_cpu
    published = server.publisher.receive()
    if not report.deliveries:
        raise MeasurementError(f"Within {grace:g} s none of {events} events came.")
    cost = DeliveryCost(
        cpu=1e6 * server_cpu / report.deliveries,
        rate=report.deliveries / max(1e-6, report.seconds),
        delay=report.delay.p50,
        delay_p99=report.delay.p99,
        readers_cpu=1e6 * load_cpu / report.deliveries,
        missed=report.missing,
    )
    return cost, report, published


def burst(server: Server, system: System, load: LoadGenerator, readers: int) -> DeliveryCost:
    """Publishes as many events as fast as possible as make the deliveries of a burst."""
    slow = system.slow
    max_events, deliveries = (MAX_SLOW_EVENTS, SLOW_BURST_DELIVERIES) if slow else (MAX_EVENTS, BURST_DELIVERIES)
    events = max(2, min(max_events, deliveries // readers))
    return deliver(server, load, events, grace=SLOW_GRACE_SECONDS if slow else GRACE_SECONDS)[0]
