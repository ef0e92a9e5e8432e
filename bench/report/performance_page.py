"""Writes the measured parts of docs/performance.md and README.md, and the plots, from bench/out/results.json."""

import statistics
from collections.abc import Iterable
from pathlib import Path

from bench import ROOT, MeasurementError
from bench.report import capacity, comparison, goals, plots, tables
from bench.report.comparison import number
from bench.scenarios.commit_cost import FEW_READERS
from bench.scenarios.results import HOLD_FILE, RESULTS_FILE, Results, quantile

PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
PLOTS = ROOT / "docs" / "performance"


def write(results: Results) -> None:
    """Writes what `make bench` measured into both pages, and the plots."""
    results.read_held(HOLD_FILE)
    _replace(PAGE, "measured", _sections(results))
    _replace(README, "measured", comparison.short_section(results))
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "cost.svg").write_text(plots.cost(results, comparison.measured(results)))
    if plots.growth_readers(results):
        (PLOTS / "growth.svg").write_text(plots.growth(results, comparison.measured(results)))


def write_held(date: str, machine: str, held: str) -> None:
    """Writes what `make bench-hold` found; and the other measured parts, if their figures exist, for its goals."""
    _replace(PAGE, "held", [f"Measured on {date}: {machine}.", "", held])
    if RESULTS_FILE.exists():
        write(Results.read())


def write_profile(lines: Iterable[str]) -> None:
    """Writes what `make bench-profile` found."""
    _replace(PAGE, "profile", lines)


def _replace(page: Path, part: str, lines: Iterable[str]) -> None:
    """Replaces the part of a page between its two marks; people write the rest of the page."""
    begin, end = f"<!-- {part}: from here on by a program -->", f"<!-- {part}: to here -->"
    before, found, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise MeasurementError(f"{page.name} has lost the marks of what is {part}.")
    page.write_text("\n".join((before + begin, "", *lines, "", end + after)))


def _sections(results: Results) -> Iterable[str]:
    yield f"Measured on {results.date}: {results.machine}. Versions: {', '.join(results.versions)}."
    yield from (
        "",
        "### Gates and goals",
        "",
        *tables.table(("", "ours", "gate", "goal", "reached"), goals.rows(results)),
    )
    if results.held:
        held = f"{results.held['readers']:,} readers for {results.held['minutes']:g} minutes on {results.held['date']}"
        yield from ("", f"The last three rows are of `make bench-hold`, {held}: see below.")
    yield from ("", "### The systems compared, 1,000 readers", "", *comparison.full_table(results))
    yield from ("", "![Seconds of a core for a million deliveries](performance/cost.svg)")
    if plots.growth_readers(results):
        yield from ("", "### Growth: seconds for a million deliveries of a burst", "", *_growth(results))
        yield from ("", "![The same, by number of readers](performance/growth.svg)")
    yield from ("", "### A storm", "", STORM, "", *_storm(results))
    yield from ("", "### Ours, from a commit on", "", *_ours(results))
    yield from ("", "### What publishing costs, by number of readers", "", COMMITS, "", *_commits(results))
    if on_paper := list(capacity.rows(results)):
        yield from ("", "### Beyond one machine: the arithmetic", "", *tables.table(capacity.HEAD, on_paper))
    for name, said in results.sections.items():
        yield from (
            "",
            f"### `python -m bench.scenarios.{name}`",
            "",
            *([said] if "|---" in said else ["```", said, "```"]),
        )
    notes = [*(f"{name} was left out: {why}" for name, why in results.skipped.items()), *results.notes]
    if notes:
        yield from ("", "### What went otherwise", "", *(f"- {note}" for note in notes))


def _growth(results: Results) -> Iterable[str]:
    few, many = plots.growth_readers(results)[0], plots.growth_readers(results)[-1]
    head = ("system", f"{few:,} readers", "1,000", f"{many:,}")
    measures = (f"burst at {few}", "burst", f"burst at {many}")
    names = [name for name in comparison.measured(results) if results.all(name, measures[0])]
    return tables.table(
        head,
        ([comparison.title(name), *(number(results.median(name, each), 1) for each in measures)] for name in names),
    )


STORM = (
    "5,000 readers are cut at once and come back, 1,000 at a time, and five events were published meanwhile. "
    "Ours has them once the reader who comes back says where it stood; the others have no history to ask for here."
)


def _storm(results: Results) -> Iterable[str]:
    head = ("system", "back within 60 s", "all back after, s", "all have what they missed after, s", "events lost")
    return tables.table(
        head, (_stormed(results, n) for n in comparison.measured(results) if results.all(n, "storm back"))
    )


def _stormed(results: Results, name: str) -> list[str]:
    back, live, whole, lost = (results.median(name, m) for m in ("storm back", "storm live", "storm", "storm lost"))
    all_live = "not all in 60 s" if live is None else number(live, 2)
    return [
        comparison.title(name),
        number(back, 0),
        all_live,
        number(whole, 2) if lost == 0 else "never",
        number(lost, 0),
    ]


def _ours(results: Results) -> Iterable[str]:
    rows = []
    for measure, what in (("quiet", "5 events a second"), ("steady", "100 events a second")):
        for start in ("commit", "save"):
            values = results.all("ours", f"{measure} {start} to last")
            if values:
                p50, p99 = number(quantile(values, 0.5), 1), number(quantile(values, 0.99), 1)
                rows.append([f"from {start} to the last of 1,000 readers, {what}", f"p50 {p50} ms, p99 {p99} ms"])
    rows.append(["a delivery out of one commit of 400 events", f"{number(results.median('ours', 'coalesced'), 2)} s"])
    rows.append(["the load generator itself", f"{number(results.median('floor', 'readers'), 1)} s for a million"])
    return tables.table(("what", "measured"), rows)


COMMITS = (
    "A commit at a time; the next one when all readers have heard the last. Milliseconds, and ratios of turns with "
    f"many readers to turns with {FEW_READERS}: the median, and all of them."
)


def _commits(results: Results) -> Iterable[str]:
    counts = {name.partition(" / ")[0].removeprefix("commit at ") for name in results.figures if "commit at" in name}
    rows = []
    for readers in sorted(map(int, counts)):
        row = [f"{readers:,}"]
        for measure in ("commit cpu", "commit"):
            ratios = results.all("ours", f"{measure} ratio at {readers}")
            each = f"{statistics.median(ratios):.2f} ({' '.join(f'{ratio:.2f}' for ratio in ratios)})" if ratios else ""
            row += [number(results.median("ours", f"{measure} at {readers}"), 2), each]
        rows.append(row)
    return tables.table(("readers", "of a core, ms", "ratio", "took, ms", "ratio"), rows)
