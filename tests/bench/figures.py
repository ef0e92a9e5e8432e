"""Figures as a run of `make bench` would have left them."""

from bench.report import goals
from bench.scenarios.results import Results


def results(**figures: list[float]) -> Results:
    """By system and measure: `ours_burst`, `core_burst` for the tutorial on the core layer."""
    made = Results("2026-11-20", "2 cores", ["django 5.2"])
    for name, values in figures.items():
        system, _, measure = name.partition("_")
        made.add(system.replace("core", goals.CORE), measure, *values)
    return made
