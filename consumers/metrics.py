"""Metrics: what this process has done since it started, as numbers that cost next to nothing to raise.

`metrics_view` makes Prometheus' text of them, with each field's help. Names are a contract: docs/limits.md.
"""

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

MAX_RUNNING_JOBS = 10_000  # whose beginnings are remembered; a job that began before those has no time

HELP = {
    "delivered": "Events written, once for each reader that got them.",
    "looks": "Times the log was read.",
    "resets": "Subscriptions that had to begin anew.",
    "recovered": "Subscriptions that caught up.",
    "cut": "Readers let go because they fell behind.",
    "stalled": "Connections cut because their client took nothing of what waited for it.",
    "late": "Connections ended because their request did not arrive in time.",
    "closed": "Sockets that the server closed, by close code.",
    "errors": "Frames answered with an error, by its code.",
    "turned_away": "Requests answered with a refusal, by its code.",
    "refused": "Topics refused, by reason.",
}


@dataclass(slots=True)
class Counters:
    """Plain numbers, raised on the event loop; `looks` alone is counted on the tail's thread. See HELP."""

    delivered: int = 0
    looks: int = 0
    resets: int = 0
    recovered: int = 0
    cut: int = 0
    stalled: int = 0
    late: int = 0
    closed: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    turned_away: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


class Histogram:
    """Counts of durations in seconds, by buckets whose upper bounds are given in ascending order."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)  # the last is for all that is longer
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Counts one duration; clocks of two machines may make it negative, which counts as none."""
        seconds = max(0.0, seconds)
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class JobTimes:
    """The times of jobs, from the events that tell of them: every process that follows the log hears all."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._began: OrderedDict[str, datetime] = OrderedDict()  # by key, the oldest first

    def note(self, kind: str, key: str, time: datetime) -> None:
        """Takes an event `task.*`: a start is remembered, an end counted with the time since its start."""
        if kind == "task.started":
            self._began[key] = time
            if len(self._began) > MAX_RUNNING_JOBS:
                self._began.popitem(last=False)
        elif kind in ("task.succeeded", "task.failed", "task.revoked") and (began := self._began.pop(key, None)):
            self._histogram.observe((time - began).total_seconds())


counters = Counters()
delivery_seconds = Histogram((0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
page_seconds = Histogram((0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10))
job_seconds = Histogram((0.1, 0.5, 1, 5, 10, 30, 60, 300, 600))
job_times = JobTimes(job_seconds)
