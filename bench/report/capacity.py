"""Estimates what more readers than one machine holds would need: the arithmetic of docs/performance.md."""

import math
from collections.abc import Iterable

from bench.scenarios.results import Results

MAX_CORE_SHARE = 0.6  # that an edge should use, so that bursts and storms find room
MAX_READERS_OF_AN_EDGE = 10_000  # as `make bench-hold` holds
READERS = (10_000, 100_000, 1_000_000)
RATES = ((5, "quiet"), (100, "steady"))  # events a second that all of them receive, and the measure with their cost

HEAD = ("readers", "events/s", "deliveries/s", "cores", "edges", "GB", "looks/s", "PostgreSQL, cores", "Redis, cores")


def rows(results: Results) -> Iterable[list[str]]:
    """Yields a row for each number of readers and rate; none where the figures are missing."""
    for readers in READERS:
        for rate, measure in RATES:
            names = (measure, f"{measure} look", f"{measure} bell", "kilobytes")
            cost, found, bell, kilobytes = (results.median("ours", name) for name in names)
            if cost is None or found is None or bell is None or kilobytes is None:
                continue
            cores = readers * rate * cost / 1e6
            edges = math.ceil(max(cores / MAX_CORE_SHARE, readers / MAX_READERS_OF_AN_EDGE))
            looks = rate * edges
            row = (readers, rate, readers * rate, cores, edges, readers * kilobytes / 2**20)
            yield [*map(_short, (*row, looks, looks * found / 1000, looks * bell / 1000))]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
