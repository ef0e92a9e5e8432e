"""What arrived in one read of the log, and who follows it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from consumers.delivery.writer import Writer
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import Entry, Frame, Variant


class Follower(Protocol):
    """What the hub knows of a reader."""

    variant: Variant
    writer: Writer

    @property
    def topics(self) -> Iterable[str]: ...

    @property
    def held(self) -> bool:
        """Whether it keeps what arrives for itself, and nothing is to be written to its outlet."""

    def hold(self, entries: Sequence[Entry]) -> None:
        """Its share of what arrived, while `held`."""

    def reset(self, reason: str) -> None:
        """What it stands on is gone."""

    def send(self, frame: Frame) -> None:
        """A word that has no place in the log."""


class EventBatch:
    """Events that arrived together. A share of it is a mask: bit n stands for event n.

    Readers with the same share and variant get the same bytes, made once.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = entries
        self._frame_batches: dict[tuple[int, Variant], FrameBatch] = {}

    def share(self, mask: int) -> list[Entry]:
        return [entry for number, entry in enumerate(self._entries) if mask >> number & 1]

    def frame_batch(self, mask: int, variant: Variant) -> FrameBatch:
        frame_batch = self._frame_batches.get((mask, variant))
        if frame_batch is None:
            frame_batch = self._frame_batches[mask, variant] = FrameBatch(
                [entry.frame(variant) for entry in self.share(mask)]
            )
        return frame_batch
