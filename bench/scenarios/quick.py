"""`make bench-quick`: ours, the tutorial and the floor in turns, judged by the gates of bench/gates.toml.

The measure is processor time for a delivery, in ratios, of the best round: whatever else the machine does makes a
round worse, never better.
"""

import math
import time
import tomllib
from dataclasses import dataclass

from bench import BENCH, MeasurementError
from bench.load.generator import LoadGenerator
from bench.scenarios import fan_out
from bench.systems import installs, machine
from bench.systems.backing_services import BackingServices
from bench.systems.catalogue import CORE_LAYER, SYSTEMS, System

MAX_RUN_SECONDS = 70  # after which no further round begins
GRACE_SECONDS = 20.0  # of silence, after which no more deliveries are expected: CI machines stall at times
BURST_EVENTS, TUTORIAL_BURST_EVENTS = 300, 16


@dataclass(frozen=True)
class Gates:
    """The section `quick` of bench/gates.toml, which explains each."""

    readers: int
    rounds: int
    tutorial: float
    floor: float
    coalesced: float
    kilobytes: float

    @classmethod
    def read(cls) -> "Gates":
        return cls(**tomllib.loads((BENCH / "gates.toml").read_text())["quick"])


@dataclass(frozen=True)
class Round:
    """Seconds of the server's core for a million deliveries; `coalesced` is ours with all events in one commit.

    `tutorial` is 0 where the tutorial did not deliver; `kilobytes` is the memory of an idle socket.
    """

    ours: float
    coalesced: float
    tutorial: float
    floor: float
    kilobytes: float

    def __str__(self) -> str:
        return (
            f"ours {self.ours:.1f} ({self.coalesced:.2f} coalesced), tutorial {self.tutorial:.0f}, "
            f"floor {self.floor:.1f} s for a million; {self.kilobytes:.0f} KB for a socket"
        )


def run() -> int:
    """Measures the rounds, prints them and returns the exit status."""
    gates = Gates.read()
    installs.build_tools()
    machine.prepare(gates.readers)
    with BackingServices() as services:
        rounds: list[Round] = []
        began = time.monotonic()
        while len(rounds) < gates.rounds and time.monotonic() - began < MAX_RUN_SECONDS:
            rounds.append(one_round(services, gates.readers))
            print(f"round {len(rounds)} of {gates.rounds}: {rounds[-1]}", flush=True)
    ratios = {
        "tutorial": max((each.tutorial / each.ours for each in rounds if each.tutorial), default=math.inf),
        "floor": min(each.ours / each.floor for each in rounds),
        "coalesced": min(each.coalesced / each.floor for each in rounds),
        "kilobytes": min(each.kilobytes for each in rounds),
    }
    print(
        f"At {gates.readers} readers a delivery of ours costs 1/{ratios['tutorial']:.0f} of the tutorial's and "
        f"{ratios['floor']:.2f} of the floor's ({ratios['coalesced']:.2f} coalesced)."
    )
    return judge(ratios, gates)


def judge(ratios: dict[str, float], gates: Gates) -> int:
    """Prints in a sentence what is beyond its gate; returns the exit status."""
    if ratios["tutorial"] < gates.tutorial:
        print(f"Slower: the tutorial costs only {ratios['tutorial']:.1f} times ours; the gate is {gates.tutorial:g}.")
    elif ratios["floor"] > gates.floor:
        print(f"Slower: a delivery costs {ratios['floor']:.2f} times the floor's; the gate is {gates.floor:g}.")
    elif ratios["coalesced"] > gates.coalesced:
        print(f"Slower: coalesced it costs {ratios['coalesced']:.2f} of the floor's; the gate is {gates.coalesced:g}.")
    elif ratios["kilobytes"] > gates.kilobytes:
        print(f"Larger: an idle socket takes {ratios['kilobytes']:.0f} KB; the gate is {gates.kilobytes:g}.")
    else:
        return 0
    return 1


def one_round(services: BackingServices, readers: int) -> Round:
    system = {each.name: each for each in SYSTEMS}
    ours, coalesced, kilobytes = costs(services, system["ours"], readers, BURST_EVENTS)
    try:
        tutorial, _, _ = costs(services, system[CORE_LAYER], readers, TUTORIAL_BURST_EVENTS)
    except MeasurementError as error:  # does not fail the gate: it is no fault of this project
        print(f"The tutorial did not deliver: {error}")
        tutorial = 0.0
    floor, _, _ = costs(services, system["floor"], readers, BURST_EVENTS)
    return Round(ours, coalesced, tutorial, floor, kilobytes)


def costs(services: BackingServices, system: System, readers: int, events: int) -> tuple[float, float, float]:
    """Returns the cost of a delivery in a burst, the same in one commit (0 for others), and kilobytes of a socket."""
    with system.start(services) as server, LoadGenerator(server.port, server.reader_options) as load:
        connected = fan_out.connect(server, system, load, readers)
        cost, report, _ = fan_out.deliver(server, load, events, grace=GRACE_SECONDS)
        if system.name != "ours":
            return cost.cpu, 0.0, connected.kilobytes
        if not report.is_exact:  # the other systems do not promise it
            found = f"{report.missing} events missing, {report.duplicates} twice, {report.out_of_order} late"
            raise MeasurementError(f"{system.name}: {found}.")
        coalesced, _, _ = fan_out.deliver(server, load, events, one_commit=True, grace=GRACE_SECONDS)
        return cost.cpu, coalesced.cpu, connected.kilobytes
