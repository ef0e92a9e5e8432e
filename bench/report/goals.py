"""The gates and goals of this project: a gate must hold, a goal is what it should reach."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.report import tables
from bench.scenarios.commit_cost import FEW_READERS, MANY_READERS, TARGET_READERS
from bench.scenarios.comparison import STORM_READERS
from bench.scenarios.relations import ADD, SINGLE_ADDS
from bench.scenarios.results import Results, quantile
from bench.systems.catalogue import CORE_LAYER

MIN_HOLD_MINUTES = 10  # for the figures of `make bench-hold` to count
MS = "{:.1f}"
Value = Callable[[Results], float | None]


@dataclass(frozen=True)
class Goal:
    """A figure with its bounds, either of which may be None; with `least` they bound it from below."""

    what: str
    value: Value
    gate: float | None
    goal: float | None
    least: bool = False
    form: str = "{:.2f}"

    def holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.least else value <= bound

    def row(self, results: Results) -> list[str]:
        """Returns the cells of the table: name, value, gate, goal and verdict."""
        value = self.value(results)
        said = "-" if value is None else self.form.format(value)
        return [self.what, said, self._bound(self.gate), self._bound(self.goal), self.verdict(value)]

    def _bound(self, bound: float | None) -> str:
        return "" if bound is None else ("at least " if self.least else "at most ") + self.form.format(bound)

    def verdict(self, value: float | None) -> str:
        if value is None:
            return "not measured"
        if self.gate is not None and not self.holds(value, self.gate):
            return "**beyond the gate**"
        if self.goal is None:
            return "gate"
        if self.holds(value, self.goal):
            return "goal"
        return "not yet" if self.gate is None else "gate"


def _ratio(other: str, measure: str) -> Value:
    return lambda results: results.ratio("ours", other, measure)


def _median(measure: str) -> Value:
    return lambda results: results.median("ours", measure)


def _worst(measure: str) -> Value:
    return lambda results: max(results.all("ours", measure), default=None)


def _p99(measure: str) -> Value:
    return lambda results: quantile(values, 0.99) if (values := results.all("ours", measure)) else None


def _coalesced(results: Results) -> float | None:
    ours, floor = results.median("ours", "coalesced"), results.median("floor", "burst")
    return ours / floor if ours is not None and floor else None


def _back(results: Results) -> float | None:
    """Returns the smallest number of readers that came back after a storm."""
    return min(results.all("ours", "storm back"), default=None)


def _storm(results: Results) -> float | None:
    """Returns the time of a storm; None if not all readers came back, since the last has no time then."""
    return results.median("ours", "storm") if _back(results) == STORM_READERS else None


def _from_table(scenario: str, heading: str, *names: str) -> Value:
    """Returns the largest value in a column of a standalone scenario's table, of rows that begin with these names."""

    def value(results: Results) -> float | None:
        cells = (
            row.get(heading, "")
            for row in tables.rows(results.sections.get(scenario, ""))
            if tuple(row.values())[: len(names)] == names
        )
        return max((found for cell in cells if (found := tables.number(cell)) is not None), default=None)

    return value


def _writers(shape: str) -> Value:
    """Returns the ratio of transactions a second, announced to not announced."""
    return _from_table("writers", "of rates", shape, "32")


def _held(measure: str) -> Value:
    return lambda results: results.held.get(measure) if results.held.get("minutes", 0) >= MIN_HOLD_MINUTES else None


GOALS = [
    Goal("burst, of the tutorial's cost", _ratio(CORE_LAYER, "burst"), 1 / 40, None, form="{:.4f}"),
    Goal("burst, of socket.io's", _ratio("socket.io", "burst"), 0.6, None),
    Goal("burst, of nchan's", _ratio("nchan", "burst"), 1.0, None),
    Goal("burst, of the floor's", _ratio("floor", "burst"), 1.6, 1.15),
    Goal("burst out of one commit, of the floor's", _coalesced, None, 0.1),
    Goal("5 events a second, of the tutorial's cost", _ratio(CORE_LAYER, "quiet"), 1 / 20, None, form="{:.4f}"),
    Goal("5 events a second, of socket.io's", _ratio("socket.io", "quiet"), 0.7, None),
    Goal("5 events a second, of the floor's", _ratio("floor", "quiet"), None, 1.2),
    Goal("KB for an idle socket", _median("kilobytes"), 30, 8, form="{:.1f}"),
    Goal("connects, of the tutorial's", _ratio(CORE_LAYER, "connects"), 1.8, None, least=True),
    Goal("connects a second", _median("connects"), None, 10_000, least=True, form="{:,.0f}"),
    Goal(
        f"of {STORM_READERS:,} who are cut at once, come back",
        _back,
        STORM_READERS,
        STORM_READERS,
        least=True,
        form="{:,.0f}",
    ),
    Goal("seconds until all of them are back and miss nothing", _storm, 10, 1),
    Goal("events lost in that", _worst("storm lost"), 0, 0, form="{:.0f}"),
    Goal("ms from commit to the last of 1,000 readers, p99, 5 a second", _p99("quiet commit to last"), 50, 15, form=MS),
    Goal("the same at 100 events a second", _p99("steady commit to last"), 50, 15, form=MS),
    Goal(
        f"core of a commit with {MANY_READERS:,} readers, of one with {FEW_READERS}",
        _median(f"commit cpu ratio at {MANY_READERS}"),
        1.1,
        None,
    ),
    Goal("... its time", _median(f"commit ratio at {MANY_READERS}"), 1.1, None),
    Goal(
        f"core of a commit with {TARGET_READERS:,} readers, of one with {FEW_READERS}",
        _median(f"commit cpu ratio at {TARGET_READERS}"),
        None,
        1.1,
    ),
    Goal("32 writers who announce, of 32 who insert only", _writers("insert"), 0.85, 0.95, least=True),
    Goal("... both behind an UPDATE of their own", _writers("update"), 0.85, 0.95, least=True),
    Goal("ms from commit to hub, median, at 1 to 100 events a second", _from_table("latency", "p50 ms"), 5, 2, form=MS),
    Goal("... p99", _from_table("latency", "p99 ms"), 15, None, form=MS),
    Goal(f"seconds of `{ADD}`", _from_table("relations", "seconds", ADD), 0.5, 0.2),
    Goal(f"seconds of {SINGLE_ADDS} in one transaction", _from_table("relations", "seconds", SINGLE_ADDS), 3, 1.5),
    Goal(
        "readers whom one process held through all faults", _held("readers"), 10_000, 50_000, least=True, form="{:,.0f}"
    ),
    Goal("... deliveries they lost, had twice or out of order", _held("wrong"), 0, 0, form="{:.0f}"),
    Goal("... seconds of their longest silence; heartbeats come every 25", _held("silence"), 27, None, form=MS),
]


def rows(results: Results) -> Iterator[list[str]]:
    """Yields the rows of the table of gates and goals."""
    return (goal.row(results) for goal in GOALS)
