"""`make bench-quick`: ours, the tutorial and the floor, in turns; fails when ours has become worse than noise explains.

It judges by processor time for a delivery, in ratios, and by the best round: whatever else the machine
does makes a round worse, never better.
"""

import math
import time
import tomllib
from dataclasses import dataclass

from bench import Failed
from bench.load.generator import Crowd
from bench.report.goals import CORE
from bench.scenarios import fan_out
from bench.systems import installs, machine
from bench.systems.catalogue import SYSTEMS, System
from bench.systems.ours import Services

ENOUGH = 70  # seconds after which no further round begins
PATIENCE = 20.0  # seconds in which nothing comes: CI machines stand still at times
EVENTS = 300  # of a burst of ours and the floor's
SLOW_EVENTS = 16  # of the tutorial's


@dataclass(frozen=True)
class Gates:
    readers: int
    rounds: int
    tutorial: float
    floor: float
    coalesced: float
    kilobytes: float

    @classmethod
    def read(cls) -> "Gates":
        return cls(**tomllib.loads((installs.HERE / "gates.toml").read_text())["quick"])


@dataclass(frozen=True)
class Round:
    """Seconds of the server's core for a million deliveries; `coalesced`: with all events in one commit.

    The tutorial's is 0 where it did not get through.
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
    """The exit status."""
    gates = Gates.read()
    installs.tools()
    machine.prepare(gates.readers)
    with Services() as services:
        rounds: list[Round] = []
        began = time.monotonic()
        while len(rounds) < gates.rounds and time.monotonic() - began < ENOUGH:
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
    """Says in a sentence what is beyond its gate."""
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


def one_round(services: Services, readers: int) -> Round:
    system = {each.name: each for each in SYSTEMS}
    ours, coalesced, kilobytes = costs(services, system["ours"], readers, EVENTS)
    try:
        tutorial, _, _ = costs(services, system[CORE], readers, SLOW_EVENTS)
    except Failed as error:  # not ours to answer for
        print(f"The tutorial did not get through: {error}")
        tutorial = 0.0
    floor, _, _ = costs(services, system["floor"], readers, EVENTS)
    return Round(ours, coalesced, tutorial, floor, kilobytes)


def costs(services: Services, system: System, readers: int, events: int) -> tuple[float, float, float]:
    """Of a delivery in a burst; the same out of one commit, where there are commits; kilobytes of a socket."""
    with system.start(services) as server, Crowd(server.port, server.crowd) as crowd:
        joined = fan_out.join(server, system, crowd, readers)
        delivery, came, _ = fan_out.deliver(server, crowd, events, grace=PATIENCE)
        if not came.is_exact and system.name == "ours":  # the others promise nothing
            raise Failed(f"{system.name}: {came.missing} events missing, {came.twice} twice, {came.disordered} late.")
        once = (
            fan_out.deliver(server, crowd, events, once=True, grace=PATIENCE)[0].cpu if system.name == "ours" else 0.0
        )
        return delivery.cpu, once, joined.kilobytes
