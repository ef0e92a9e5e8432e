"""Writes the measured part of docs/performance.md, and its pictures, from bench/out/results.json."""

from collections.abc import Iterable, Mapping, Sequence

from bench import Failed, plots, scale
from bench.goals import GOALS
from bench.processes import ROOT
from bench.results import Results, share
from bench.systems import SYSTEMS

PAGE = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
NAMES = {
    "floor": "the floor: a C loop",
    "ws": "`ws`",
    "socket.io": "socket.io",
    "nchan": "nchan (nginx)",
    "ours": "**ours**",
}


def write(results: Results) -> None:
    """What `make bench` measured, in words and pictures."""
    _replace("measured", _sections(results))
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "cost.svg").write_text(plots.cost(results, _measured(results)))
    (PICTURES / "growth.svg").write_text(plots.growth(results, _measured(results)))


def write_held(date: str, machine: str, held: str) -> None:
    """What `make bench-hold` found."""
    _replace("held", [f"Measured on {date}: {machine}.", "", held])


def write_profiles(date: str, profiles: Mapping[str, Sequence[str]]) -> None:
    """What `make bench-profile` found."""
    head = f"Of {date}; the share of an edge's samples in each line, 1,000 readers."
    _replace("profile", [head, *_profiles(profiles)])


def show(profiles: Mapping[str, Sequence[str]]) -> None:
    print("\n".join(_profiles(profiles)))


def _profiles(profiles: Mapping[str, Sequence[str]]) -> Iterable[str]:
    for name, lines in profiles.items():
        yield from ("", f"{name.capitalize()}:", "", "```", *lines, "```")


def _replace(part: str, lines: Iterable[str]) -> None:
    """Writes one part of the page anew; the rest of it is written by people."""
    begin, end = f"<!-- {part}: from here on by a program -->", f"<!-- {part}: to here -->"
    before, found, rest = PAGE.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise Failed(f"{PAGE.name} has lost the marks of what is {part}.")
    PAGE.write_text("\n".join((before + begin, "", *lines, "", end + after)))


def _sections(results: Results) -> Iterable[str]:
    yield f"Measured on {results.date}: {results.machine}. Versions: {', '.join(results.versions)}."
    yield from ("", "### Gates and goals", "", *_table(("", "gate", "goal", "ours", "reached"), _goals(results)))
    yield from ("", "### The ladder, 1,000 readers", "")
    yield from _table((*LADDER, *LADDER_TOO), (_ladder(results, name) for name in _measured(results)))
    yield from ("", "![Seconds of a core for a million deliveries](performance/cost.svg)")
    yield from ("", "### Growth: seconds for a million deliveries of a burst", "", *_growth(results))
    yield from ("", "![The same, by number of readers](performance/growth.svg)")
    yield from ("", "### A storm", "", *_storm(results), "", "### Ours, from a commit on", "", *_ours(results))
    if on_paper := list(scale.rows(results)):
        yield from ("", "### Beyond one machine: the arithmetic", "", *_table(scale.HEAD, on_paper))
    for name, said in results.sections.items():
        yield from ("", f"### `python -m bench.{name}`", "", *([said] if "|---" in said else ["```", said, "```"]))
    notes = [*(f"{name} was left out: {why}" for name, why in results.skipped.items()), *results.notes]
    if notes:
        yield from ("", "### What went otherwise", "", *(f"- {note}" for note in notes))


def _measured(results: Results) -> list[str]:
    names = [system.name for system in SYSTEMS if results.all(system.name, "burst")]
    return sorted(names, key=lambda name: -(results.median(name, "burst") or 0))


LADDER = ("system, one process", "burst, s", "of the floor's", "100 a second, s", "5 a second, s", "p50, ms")
LADDER_TOO = ("p99, ms", "KB a socket", "connects/s", "burst, deliveries/s")


def _ladder(results: Results, name: str) -> list[str]:
    forms = (("burst", 1), ("steady", 1), ("quiet", 1), ("quiet p50", 1), ("quiet p99", 1))
    burst, steady, *quiet = (_number(results.median(name, measure), places) for measure, places in forms)
    ratio = _number(results.ratio(name, "floor", "burst"), 2)
    rest = [_number(results.median(name, measure), places) for measure, places in (("kilobytes", 1), ("connects", 0))]
    return [
        _name(name),
        burst,
        ratio,
        steady or "too many",
        *quiet,
        *rest,
        _number(results.median(name, "burst rate"), 0),
    ]


def _growth(results: Results) -> Iterable[str]:
    few, many = plots.extremes(results)
    head = ("system", f"{few:,} readers", "1,000", f"{many:,}")
    measures = (f"burst at {few}", "burst", f"burst at {many}")
    rows = (
        [_name(name), *(_number(results.median(name, each), 1) for each in measures)] for name in _measured(results)
    )
    return _table(head, rows)


def _storm(results: Results) -> Iterable[str]:
    head = ("system", "back", "until the last is back and has what it missed, s", "events lost")
    measures = (("storm back", 0), ("storm", 2), ("storm lost", 0))
    names = [name for name in _measured(results) if results.all(name, "storm")]
    return _table(head, ([_name(n), *(_number(results.median(n, m), p) for m, p in measures)] for n in names))


def _ours(results: Results) -> Iterable[str]:
    rows = []
    for measure, what in (("quiet", "5 events a second"), ("steady", "100 events a second")):
        for start in ("commit", "save"):
            values = results.all("ours", f"{measure} {start} to last")
            if values:
                p50, p99 = _number(share(values, 0.5), 1), _number(share(values, 0.99), 1)
                rows.append([f"from {start} to the last of 1,000 readers, {what}", f"p50 {p50} ms, p99 {p99} ms"])
    for name in results.figures:
        if name.startswith("commit at "):
            readers = name.partition(" / ")[0].removeprefix("commit at ")
            took, cpu = (
                results.median("ours", f"commit at {readers}"),
                results.median("ours", f"commit cpu at {readers}"),
            )
            rows.append(
                [f"a commit, {int(readers):,} readers", f"{_number(took, 2)} ms, {_number(cpu, 2)} ms of a core"]
            )
    rows.append(["a delivery out of one commit of 400 events", f"{_number(results.median('ours', 'coalesced'), 2)} s"])
    rows.append(["the load generator itself", f"{_number(results.median('floor', 'readers'), 1)} s for a million"])
    return _table(("what", "measured"), rows)


def _goals(results: Results) -> Iterable[Sequence[str]]:
    return (goal.row(results) for goal in GOALS)


def _name(name: str) -> str:
    return NAMES.get(name, f"Channels {name}" if name.startswith("tutorial") else name)


def _number(value: float | None, places: int) -> str:
    return "" if value is None else f"{value:,.{places}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
