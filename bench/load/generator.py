"""Drives the load generator (bench/load/main.c), whose readers check every event that they receive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench import OUTPUT, MeasurementError
from bench.systems.processes import CommandProcess

LIFETIME_SECONDS = 1200  # after which the program ends by itself
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Quantiles:
    """Milliseconds."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True)
class DeliveryReport:
    """Counts of the readers since `expect`."""

    readers: int
    live: int
    events: int
    deliveries: int
    missing: int
    duplicates: int
    out_of_order: int
    unexpected: int  # events that were not expected, or whose mark could not be read
    resets: int
    errors: int
    lost: int  # connections that the server ended
    cuts: int  # connections that the load generator ended
    reads: int  # calls of recv() that returned bytes
    complete: int  # readers that have every expected event
    seconds: float  # between the first delivery and the last
    silence: float  # seconds, the longest in which nothing arrived at a live reader
    delay: Quantiles  # from creating an event to its arrival at a reader
    last: Quantiles  # ... at its last reader
    closes: dict[str, int]  # by close code

    @classmethod
    def parse(cls, answer: dict[str, Any]) -> "DeliveryReport":
        return cls(**{**answer, "delay": Quantiles(**answer["delay"]), "last": Quantiles(**answer["last"])})

    @property
    def is_exact(self) -> bool:
        """Whether every reader received every event, once and in order."""
        return not (self.missing or self.duplicates or self.out_of_order or self.unexpected or self.resets)


class LoadGenerator(CommandProcess):
    """Readers of the server at a port of this machine; `options` are those of bench/load/main.c."""

    def __init__(self, port: int, options: Sequence[str], lifetime: int = LIFETIME_SECONDS) -> None:
        command = [str(OUTPUT / "load"), "--port", str(port), "--seconds", str(lifetime), *options]
        super().__init__("load", command, timeout=lifetime)

    def connect(
        self, readers: int, max_connecting: int = 100, timeout: float = 120, min_share: float = 1.0
    ) -> dict[str, Any]:
        """Connects readers; raises MeasurementError unless `min_share` of them are live within `timeout` seconds.

        Returns how many are `live`, and the `rate` at which they connected, in readers a second.
        """
        answer = self.ask("connect", readers, max_connecting, timeout)
        if answer["live"] < min_share * readers:
            live, reason = answer["live"], self.last_log_line()
            raise MeasurementError(f"Only {live} of {readers} readers got in within {timeout:g} s: {reason}")
        return answer

    def expect(self, events: int) -> None:
        """Resets all counts; each reader is to receive the events 1 to `events`."""
        self.ask("expect", events)

    def limit(self, events: int) -> None:
        """Expects only the events 1 to `events` yet, at most as many as the last `expect` named."""
        self.ask("limit", events)

    def wait(self, timeout: float, grace: float = GRACE_SECONDS) -> DeliveryReport:
        """Waits until all has arrived, at most `timeout` seconds, or until nothing arrives for `grace` seconds."""
        return DeliveryReport.parse(self.ask("wait", timeout, grace))

    def report(self) -> DeliveryReport:
        return DeliveryReport.parse(self.ask("report"))

    def last_arrivals(self) -> list[int]:
        """Returns when each event arrived at its last reader: nanoseconds of the monotonic clock, 0 for never."""
        return list(self.ask("arrivals")["arrivals"])

    def cut(self) -> None:
        """Cuts all readers."""
        self.ask("cut")

    def reconnect(self, max_connecting: int, timeout: float) -> dict[str, Any]:
        """Reconnects all readers, and waits until each has what it missed, at most `timeout` seconds.

        Returns how many are `live`, and the seconds until the last was (`live_seconds`, negative if some are not) and
        until the last event arrived (`complete_seconds`).
        """
        return self.ask("reconnect", max_connecting, timeout)

    def churn(self, per_second: float, away: int) -> None:
        """Cuts readers at random from now on, and reconnects each after `away` milliseconds; 0 and 0 end that."""
        self.ask("churn", per_second, away)
