"""The figures of a run of `make bench`: scenarios add to them, bench/report/ reads them."""

import json
import statistics
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench import OUTPUT, MeasurementError

RESULTS_FILE = OUTPUT / "results.json"
HOLD_FILE = OUTPUT / "held.json"  # of the last `make bench-hold`
SEPARATOR = " / "


@dataclass
class Results:
    """Figures of each measure and system, one per round, and what else a report needs of the run."""

    date: str
    machine: str
    versions: list[str]
    figures: dict[str, list[float]] = field(default_factory=dict)  # by "measure / system"
    skipped: dict[str, str] = field(default_factory=dict)  # systems that could not be measured, with the reason
    notes: list[str] = field(default_factory=list)  # sentences about what did not go as planned
    sections: dict[str, str] = field(default_factory=dict)  # output of the standalone scenarios, by name
    held: dict[str, Any] = field(default_factory=dict)  # figures of HOLD_FILE

    def add(self, system: str, measure: str, *values: float) -> None:
        self.figures.setdefault(measure + SEPARATOR + system, []).extend(values)

    def all(self, system: str, measure: str) -> list[float]:
        return self.figures.get(measure + SEPARATOR + system, [])

    def median(self, system: str, measure: str) -> float | None:
        values = self.all(system, measure)
        return statistics.median(values) if values else None

    def ratio(self, system: str, other: str, measure: str) -> float | None:
        """Returns the median of the rounds' ratios: what disturbs one round disturbs both systems."""
        pairs = list(zip(self.all(system, measure), self.all(other, measure), strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    def note(self, sentence: str) -> None:
        """Prints a sentence, and keeps it for the report."""
        print("  " + sentence, flush=True)
        self.notes.append(sentence)

    def save(self, path: Path = RESULTS_FILE) -> None:
        path.write_text(json.dumps(vars(self), indent=1))

    @classmethod
    def read(cls, path: Path = RESULTS_FILE) -> Self:
        """Reads the figures of the last run; raises MeasurementError if there are none."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise MeasurementError(f"There are no figures of a run of `make bench` in {path}: {error}") from error

    def read_held(self, path: Path) -> None:
        """Takes over the figures of the last `make bench-hold`, if there are any."""
        with suppress(OSError, ValueError):
            self.held = dict(json.loads(path.read_text()))


def quantile(values: Iterable[float], share: float) -> float:
    """Returns the value below which this share of the values lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def milliseconds_between(starts: Iterable[int], ends: Iterable[int]) -> Iterator[float]:
    """Yields the milliseconds from each start to its end, both in nanoseconds; skips ends that are 0."""
    for start, end in zip(starts, ends, strict=False):
        if end:
            yield max(0, end - start) / 1e6
