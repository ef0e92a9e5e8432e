"""What many measured delays have in common."""

from collections.abc import Sequence
from typing import NamedTuple


class LatencySummary(NamedTuple):
    """The number of measurements, and their quantiles in milliseconds."""

    number: int
    median: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "LatencySummary":
        ranked = sorted(seconds) or [0.0]
        pick = [ranked[len(ranked) // 2], ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))], ranked[-1]]
        return cls(len(seconds), *(round(1000 * value, 1) for value in pick))

    def __str__(self) -> str:
        return f"{self.number} measured: median {self.median} ms, p99 {self.p99} ms, worst {self.worst} ms"
