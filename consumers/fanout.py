"""What arrived in one read of the log, and who gets which part of it."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from consumers.frames import Entry, Frame, Variant
from consumers.outlet import Burst, Outlet


class Follower(Protocol):
    """What the hub knows of a reader."""

    variant: Variant
    outlet: Outlet
    spoke: float  # when something was last written to it, by the hub's clock

    @property
    def topics(self) -> Iterable[str]: ...

    def take(self, batch: "Batch", mask: int) -> None:
        """Its share of what arrived."""

    def reset(self, reason: str) -> None:
        """What it stands on is gone."""

    def say(self, frame: Frame) -> None:
        """A word that has no place in the log."""

    def beat(self, heartbeat: Burst) -> None:
        """It heard nothing for a while, and all is well."""


class Batch:
    """Events that arrived together. A share of it is a mask: bit n stands for event n.

    Readers with the same share and variant get the same bytes, made once.
    """

    def __init__(self, entries: list[Entry], followers: Mapping[str, Iterable[Follower]]) -> None:
        self._entries = entries
        self._bursts: dict[tuple[int, Variant], Burst] = {}
        self.pending: dict[Follower, int] = {}
        pending = self.pending
        for number, entry in enumerate(entries):
            bit = 1 << number
            for topic in entry.event.topics:
                for follower in followers.get(topic, ()):
                    pending[follower] = pending.get(follower, 0) | bit

    def share(self, mask: int) -> list[Entry]:
        return [entry for number, entry in enumerate(self._entries) if mask >> number & 1]

    def burst(self, mask: int, variant: Variant) -> Burst:
        burst = self._bursts.get((mask, variant))
        if burst is None:
            burst = self._bursts[mask, variant] = Burst([entry.frame(variant) for entry in self.share(mask)])
        return burst
