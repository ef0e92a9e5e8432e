"""A follower: what the hub knows of a reader. Its share of a batch is made once for all who get the same."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from consumers.delivery.writer import Writer
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import Entry, Frame, Variant


class Follower(Protocol):
    """A reader who follows topics: a subscription, or a poll that waits."""

    variant: Variant
    writer: Writer

    @property
    def topics(self) -> Iterable[str]:
        """The topics that it follows. The registry is told when they change: `AudienceRegistry.reindex`."""

    @property
    def is_held(self) -> bool:
        """Whether it takes what arrives by `hold`, and nothing may be written to its writer."""

    def hold(self, entries: Sequence[Entry]) -> None:
        """Takes its share of what arrived, while `is_held`."""

    def reset(self, reason: str) -> None:
        """Begins anew: the log does not go on where it stands."""

    def send(self, frame: Frame) -> None:
        """Writes a frame that has no place in the log."""


class EventBatch:
    """Events that arrived together. A share of them is a mask: bit n stands for event n.

    Readers with the same share and variant get the same bytes, made once.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._frames: dict[tuple[int, Variant], FrameBatch] = {}

    def share(self, mask: int) -> list[Entry]:
        """Returns the events of the mask, oldest first."""
        return [entry for number, entry in enumerate(self._entries) if mask >> number & 1]

    def frames(self, mask: int, variant: Variant) -> FrameBatch:
        """Returns the frames of the share, the same object for the same mask and variant."""
        frames = self._frames.get((mask, variant))
        if frames is None:
            share = self.share(mask)
            committed = share[0].event.time.timestamp() if share else 0.0
            frames = FrameBatch([entry.frame(variant) for entry in share], committed)
            self._frames[mask, variant] = frames
        return frames
