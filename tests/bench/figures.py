"""Results as a run of `make bench` writes them."""

from bench.scenarios.results import Results
from bench.systems.catalogue import CORE_LAYER


def results(**figures: list[float]) -> Results:
    """Returns results with figures by system and measure: `ours_burst`, `core_burst` for the tutorial's core layer."""
    made = Results("2026-11-20", "2 cores", ["django 5.2"])
    for name, values in figures.items():
        system, _, measure = name.partition("_")
        made.add(system.replace("core", CORE_LAYER), measure, *values)
    return made
