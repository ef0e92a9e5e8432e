"""What ours is to reach: the gate, which must hold, and the goal, which is aimed at."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.results import Results, share

CORE = "tutorial, core layer"


@dataclass(frozen=True)
class Goal:
    """`gate` and `goal` bound the value from above, or from below where `least` is set; None: there is none."""

    what: str
    value: Callable[[Results], float | None]
    gate: float | None
    goal: float | None
    least: bool = False
    form: str = "{:.2f}"

    def holds(self, value: float, bound: float) -> bool:
        return value >= bound if self.least else value <= bound

    def row(self, results: Results) -> list[str]:
        """What, gate, goal, ours, and how far that is."""
        value = self.value(results)
        return [self.what, self._bound(self.gate), self._bound(self.goal), *self._reached(value)]

    def _bound(self, bound: float | None) -> str:
        return "" if bound is None else ("at least " if self.least else "at most ") + self.form.format(bound)

    def _reached(self, value: float | None) -> tuple[str, str]:
        if value is None:
            return "not measured", ""
        said = self.form.format(value)
        if self.gate is not None and not self.holds(value, self.gate):
            return said, "**beyond the gate**"
        if self.goal is not None and not self.holds(value, self.goal):
            return said, "gate" if self.gate is not None else "not yet"
        return said, "goal" if self.goal is not None else "gate"


def _ratio(other: str, measure: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio("ours", other, measure)


def _median(measure: str) -> Callable[[Results], float | None]:
    return lambda results: results.median("ours", measure)


def _p99(measure: str) -> Callable[[Results], float | None]:
    return lambda results: share(values, 0.99) if (values := results.all("ours", measure)) else None


def _coalesced(results: Results) -> float | None:
    ours, floor = results.median("ours", "coalesced"), results.median("floor", "burst")
    return ours / floor if ours is not None and floor else None


def _evenness(results: Results) -> float | None:
    """The dearest commit over the cheapest, by number of readers."""
    measures = [name.partition(" / ")[0] for name in results.figures if name.startswith("commit at ")]
    costs = [cost for name in measures if (cost := results.median("ours", name)) is not None]
    return max(costs) / min(costs) if costs else None


GOALS = [
    Goal("burst, of the tutorial's cost", _ratio(CORE, "burst"), 1 / 40, None, form="{:.4f}"),
    Goal("burst, of socket.io's", _ratio("socket.io", "burst"), 0.6, None),
    Goal("burst, of nchan's", _ratio("nchan", "burst"), 1.0, None),
    Goal("burst, of the floor's", _ratio("floor", "burst"), 1.6, 1.15),
    Goal("burst out of one commit, of the floor's", _coalesced, None, 0.1),
    Goal("5 events a second, of the tutorial's cost", _ratio(CORE, "quiet"), 1 / 20, None, form="{:.4f}"),
    Goal("5 events a second, of socket.io's", _ratio("socket.io", "quiet"), 0.7, None),
    Goal("5 events a second, of the floor's", _ratio("floor", "quiet"), None, 1.2),
    Goal("KB for an idle socket", _median("kilobytes"), 30, 8, form="{:.1f}"),
    Goal("connects, of the tutorial's", _ratio(CORE, "connects"), 1.8, None, least=True),
    Goal("connects a second", _median("connects"), None, 10_000, least=True, form="{:,.0f}"),
    Goal("seconds until 5,000 are back and miss nothing", _median("storm"), 10, 1),
    Goal("events lost in that", _median("storm lost"), 0, 0, form="{:.0f}"),
    Goal("ms from commit to the last reader, p99, 5 a second", _p99("quiet commit to last"), 50, 15, form="{:.1f}"),
    Goal("ms from commit to the last reader, p99, 100 a second", _p99("steady commit to last"), 50, 15, form="{:.1f}"),
    Goal("a commit with many readers, of one with few", _evenness, 1.1, 1.1),
]
