"""How far it goes beyond one machine, on paper: the arithmetic of docs/performance.md, out of what was measured."""

import math
from collections.abc import Iterable

from bench.scenarios.results import Results

BUSY = 0.6  # of a core that an edge should use at most, so that bursts and storms find room
HELD = 10_000  # readers of an edge; make bench-hold
CROWDS = (10_000, 100_000, 1_000_000)
RATES = ((5, "quiet"), (100, "steady"))  # events a second that all of them get, and where they were measured

HEAD = ("readers", "events/s", "deliveries/s", "cores", "edges", "GB", "looks/s", "PostgreSQL, cores", "Redis, cores")


def rows(results: Results) -> Iterable[list[str]]:
    """One row for each crowd and rate; none where ours was not measured."""
    for readers in CROWDS:
        for rate, measure in RATES:
            names = (measure, f"{measure} look", f"{measure} bell", "kilobytes")
            cost, found, bell, kilobytes = (results.median("ours", name) for name in names)
            if cost is None or found is None or bell is None or kilobytes is None:
                continue
            cores = readers * rate * cost / 1e6
            edges = math.ceil(max(cores / BUSY, readers / HELD))
            looks = rate * edges
            row = (readers, rate, readers * rate, cores, edges, readers * kilobytes / 2**20)
            yield [*map(_short, (*row, looks, looks * found / 1000, looks * bell / 1000))]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
