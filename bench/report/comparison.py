"""The table that compares the systems: whole in docs/performance.md, short in README.md."""

from collections.abc import Iterable

from bench.report import tables
from bench.scenarios.results import Results
from bench.systems.catalogue import SYSTEMS

TITLES = {
    "floor": "the floor: a C loop",
    "ws": "`ws`",
    "socket.io": "socket.io",
    "nchan": "nchan (nginx)",
    "ours": "**ours**",
}
HEAD = ("system, one process", "burst, s", "of the floor's", "100 a second, s", "5 a second, s", "p50, ms", "p99, ms")
HEAD_TOO = ("KB a socket", "connects/s", "burst, deliveries/s")
SHORT = ("tutorial, core layer", "socket.io", "nchan", "ours", "floor")
SHORT_HEAD = ("one process, 1,000 readers", "burst, s", "5 events a second, s", "p99, ms", "KB a socket", "connects/s")


def measured(results: Results) -> list[str]:
    """Their names, the dearest first."""
    names = [system.name for system in SYSTEMS if results.all(system.name, "burst")]
    return sorted(names, key=lambda name: -(results.median(name, "burst") or 0))


def title(name: str) -> str:
    return TITLES.get(name, f"Channels {name}" if name.startswith("tutorial") else name)


def number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:,.{places}f}"


def whole(results: Results) -> Iterable[str]:
    return tables.table((*HEAD, *HEAD_TOO), (_row(results, name) for name in measured(results)))


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


def short(results: Results) -> Iterable[str]:
    """For who sees the project first: seconds of a core for a million deliveries, and how soon, large and fast."""
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
