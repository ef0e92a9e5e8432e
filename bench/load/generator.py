"""A crowd of readers: the load generator of bench/load/, told what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import Failed
from bench.systems.processes import OUT, Told


@dataclass(frozen=True)
class Spread:
    """Milliseconds."""

    p50: float
    p99: float
    most: float


@dataclass(frozen=True)
class Came:
    """What the readers heard of the events that were expected."""

    readers: int
    live: int
    events: int
    deliveries: int
    missing: int
    twice: int
    disordered: int
    strange: int
    resets: int
    errors: int
    lost: int  # connections that ended although nobody here had cut them
    cuts: int  # ... that were cut from here
    reads: int  # in so many pieces
    whole: int  # readers who heard all
    seconds: float  # between the first delivery and the last
    silence: float  # seconds, the longest that a live reader heard nothing at all
    delay: Spread  # from when an event was made until a reader heard it
    last: Spread  # ... until the last reader did, for each event
    closes: dict[str, int]

    @classmethod
    def of(cls, said: dict[str, Any]) -> "Came":
        return cls(**{**said, "delay": Spread(**said["delay"]), "last": Spread(**said["last"])})

    @property
    def is_exact(self) -> bool:
        """Every reader heard every event, once and in order."""
        return not (self.missing or self.twice or self.disordered or self.strange or self.resets)


class Crowd(Told):
    """Readers of the server at a port; the options are those of bench/load/main.c."""

    def __init__(self, port: int, options: Sequence[str], seconds: int = 1200) -> None:
        words = [str(OUT / "load"), "--port", str(port), "--seconds", str(seconds), *options]
        super().__init__("load", words, patience=seconds)

    def open(self, readers: int, at_once: int = 100, seconds: float = 120, least: float = 1.0) -> dict[str, Any]:
        """Raises Failed unless all of them are live in the end, or at least that share."""
        said = self.ask("open", readers, at_once, seconds)
        if said["live"] < least * readers:
            raise Failed(f"Only {said['live']} of {readers} readers got in within {seconds:g} s: {self.last_words()}")
        return said

    def expect(self, events: int) -> None:
        self.ask("expect", events)

    def until(self, events: int) -> None:
        self.ask("until", events)

    def wait(self, seconds: float, grace: float = 5) -> Came:
        return Came.of(self.ask("wait", seconds, grace))

    def report(self) -> Came:
        return Came.of(self.ask("report"))

    def lasts(self) -> list[int]:
        """When each event had come to its last reader: nanoseconds of the monotonic clock; 0: to none."""
        return list(self.ask("lasts")["lasts"])

    def cut(self) -> None:
        self.ask("cut")

    def back(self, at_once: int, seconds: float) -> dict[str, Any]:
        return self.ask("back", at_once, seconds)

    def churn(self, per_second: float, away: int) -> None:
        """From now on cuts some, who come back after `away` milliseconds; 0 and 0: no longer."""
        self.ask("churn", per_second, away)
