"""The figures of a run, as they come, and as they are kept in bench/out/results.json."""

import json
import statistics
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench import Failed
from bench.systems.processes import OUT

FILE = OUT / "results.json"
HELD = OUT / "held.json"
SEPARATOR = " / "


@dataclass
class Results:
    """`figures`: by measure and system, one for each round; `notes`: what went otherwise, in sentences."""

    date: str
    machine: str
    versions: list[str]
    figures: dict[str, list[float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)  # what other programs of bench/ said, by their name

    held: dict[str, Any] = field(default_factory=dict)  # of the last `make bench-hold` that is kept here

    def add(self, system: str, measure: str, *values: float) -> None:
        self.figures.setdefault(measure + SEPARATOR + system, []).extend(values)

    def all(self, system: str, measure: str) -> list[float]:
        return self.figures.get(measure + SEPARATOR + system, [])

    def median(self, system: str, measure: str) -> float | None:
        values = self.all(system, measure)
        return statistics.median(values) if values else None

    def ratio(self, system: str, other: str, measure: str) -> float | None:
        """The median of the rounds' ratios: what troubles one round troubles both."""
        pairs = list(zip(self.all(system, measure), self.all(other, measure), strict=False))
        return statistics.median(a / b for a, b in pairs) if pairs else None

    def note(self, sentence: str) -> None:
        print("  " + sentence, flush=True)
        self.notes.append(sentence)

    def save(self, path: Path = FILE) -> None:
        path.write_text(json.dumps(vars(self), indent=1))

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        """What the last run left; Failed where there was none."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise Failed(f"There are no figures of a run of `make bench` in {path}: {error}") from error

    def take_held(self, path: Path) -> None:
        """What the last `make bench-hold` found is told here, too."""
        with suppress(OSError, ValueError):
            self.held = dict(json.loads(path.read_text()))


def share(values: Iterable[float], part: float) -> float:
    """The value below which that part of them lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(part * len(ranked)))]


def lateness(ends: Iterable[int], lasts: Iterable[int]) -> Iterator[float]:
    """Milliseconds from each of the moments to the last reader's; nothing for what did not come."""
    for end, last in zip(ends, lasts, strict=False):
        if last:
            yield max(0, last - end) / 1e6
