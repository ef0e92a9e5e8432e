"""The table that compares the systems: the full one of docs/performance.md, the short one of README.md."""

from collections.abc import Iterable

from bench.report import tables
from bench.scenarios.results import Results
from bench.systems.catalogue import CORE_LAYER, SYSTEMS

TITLES = {
    "floor": "the floor: a C loop",
    "ws": "`ws`",
    "socket.io": "socket.io",
    "nchan": "nchan (nginx)",
    "ours": "**ours**",
}
COST_HEAD = ("burst, s", "of the floor's", "100 a second, s", "5 a second, s", "p50, ms", "p99, ms")
HEAD = ("system, one process", *COST_HEAD, "KB a socket", "connects/s", "burst, deliveries/s")
SHORT = (CORE_LAYER, "socket.io", "nchan", "ours", "floor")
SHORT_HEAD = ("one process, 1,000 readers", "burst, s", "5 events a second, s", "p99, ms", "KB a socket", "connects/s")


def measured(results: Results) -> list[str]:
    """Returns the names of the measured systems, the most expensive first."""
    names = [system.name for system in SYSTEMS if results.all(system.name, "burst")]
    return sorted(names, key=lambda name: -(results.median(name, "burst") or 0))


def title(name: str) -> str:
    """Returns how the tables call a system."""
    return TITLES.get(name, f"Channels {name}" if name.startswith("tutorial") else name)


def number(value: float | None, places: int) -> str:
    """Formats a figure with this many decimal places; an empty string if there is none."""
    return "" if value is None else f"{value:,.{places}f}"


def full_table(results: Results) -> Iterable[str]:
    """Yields the lines of the table with all systems and measures."""
    return tables.table(HEAD, (_row(results, name) for name in measured(results)))


def _row(results: Results, name: str) -> list[str]:
    forms = (("quiet", 1), ("quiet p50", 1), ("quiet p99", 1), ("kilobytes", 1), ("connects", 0), ("burst rate", 0))
    system = next(each for each in SYSTEMS if each.name == name)
    return [
        title(name),
        number(results.median(name, "burst"), 1),
        number(results.ratio(name, "floor", "burst"), 2),
        "too many" if system.slow else number(results.median(name, "steady"), 1),
        *(number(results.median(name, measure), places) for measure, places in forms),
    ]


def short_section(results: Results) -> Iterable[str]:
    """Yields the section of README.md: the best-known systems, by cost, delay, memory and connects."""
    forms = (("burst", 1), ("quiet", 1), ("quiet p99", 0), ("kilobytes", 1), ("connects", 0))
    names = [name for name in measured(results) if name in SHORT]
    yield from ("## What a delivery costs", "")
    yield from tables.table(
        SHORT_HEAD,
        (
            [title(name), *(number(results.median(name, measure), places) for measure, places in forms)]
            for name in names
        ),
    )
    yield ""
    yield (
        f"Seconds of a core for a million deliveries, by `make bench` on {results.date}: {results.machine}. "
        "All of ours is in it: log, bell and positions. [The others, and how it is measured](docs/performance.md)."
    )
