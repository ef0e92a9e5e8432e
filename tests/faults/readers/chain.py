"""What a reader received, kept for the comparison with the log."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from realtime.position import Position

MAX_SCRUB_SECONDS = 1.0  # from announcing a withdrawal until its text is sent no more


class Heard(NamedTuple):
    """An event as it was received; `recovery` is the index of the recovery that brought it, -1 for live ones."""

    offset: int
    key: str
    token: str
    version: int
    scrubbed: bool
    recovery: int


heard = lru_cache(maxsize=4096)(Heard)  # live events are equal for all readers, who share one object


class Withdrawals:
    """When one edge announced the withdrawal of posts: it may not send their text afterwards."""

    def __init__(self) -> None:
        self._announced: dict[str, dict[int, float]] = defaultdict(dict)

    def note(self, key: str, offset: int) -> None:
        """Notes a withdrawal at this offset, at the time of its first arrival."""
        self._announced[key].setdefault(offset, time.monotonic())

    def forbids(self, key: str, offset: int, asked: float) -> bool:
        """Returns whether an answer to a request made at the time `asked` must not contain this event's text."""
        return key in self._announced and any(
            withdrawn > offset and when + MAX_SCRUB_SECONDS < asked for withdrawn, when in self._announced[key].items()
        )


@dataclass
class Recovery:
    """An answer to a subscription that promises `missed` events after `since`; `came` have arrived."""

    since: int
    missed: int
    came: int = 0


@dataclass
class Chain:
    """What one reader received from one position on, over all of its connections."""

    reader: str
    topics: frozenset[str]
    start: Position
    cursor: Position
    heard: list[Heard] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)  # seconds from a calm event's commit until it arrived live
    faults: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
