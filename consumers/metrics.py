"""Counters: what this process has done since it started."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Plain numbers, cheap to raise on the event loop; `looks` alone is counted on the tail's thread."""

    delivered: int = 0  # events written, once for each reader that got them
    looks: int = 0  # times the log was read
    resets: int = 0  # subscriptions that had to begin anew
    recovered: int = 0  # subscriptions that caught up
    cut: int = 0  # readers let go because they fell behind
    stalled: int = 0  # connections cut because their client took nothing of what waited for it
    late: int = 0  # connections ended because their request did not arrive in time
    closed: Counter[str] = field(default_factory=Counter)  # sockets that the server closed, by close code
    errors: Counter[str] = field(default_factory=Counter)  # frames answered with an error, by its code
    turned_away: Counter[str] = field(default_factory=Counter)  # requests answered with a refusal, by its code
    refused: Counter[str] = field(default_factory=Counter)  # topics refused, by reason


counters = Counters()
