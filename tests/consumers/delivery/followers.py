"""Followers of a registry, without a connection."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from consumers.delivery.writer import IndirectWriter
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import JSON, Entry, Frame, Variant
from realtime.log import Event


class ListWriter(IndirectWriter):
    """A writer that notes, of each write, the offsets of its events and the types of its other frames."""

    def __init__(self) -> None:
        self.writes: list[list[int | str]] = []
        self.is_broken = self.was_aborted = False

    def write(self, frames: FrameBatch) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.writes.append([_of(msgspec.json.decode(text)) for text in frames.texts])

    async def drain(self) -> None:
        pass

    def abort(self) -> None:
        self.was_aborted = True

    def close(self) -> None:
        pass


class FakeFollower:
    """A follower whose topics, variant and hold are set by the test."""

    def __init__(self, *topics: str, variant: Variant = JSON, is_held: bool = False) -> None:
        self.topics = topics
        self.variant = variant
        self.is_held = is_held
        self.writer = ListWriter()
        self.held: list[int] = []

    def hold(self, entries: Sequence[Entry]) -> None:
        self.held += [each.offset for each in entries]

    def reset(self, reason: str) -> None:
        raise AssertionError("The registry resets nobody.")

    def send(self, frame: Frame) -> None:
        self.writer.write(FrameBatch([frame.encoded()]))


def event(offset: int, *topics: str) -> Entry:
    data = b'{"slug":"t","name":"Tide","url":"/t/","version":2}'
    return Entry(Event(offset, "tag.updated", "tag.t", topics, (), datetime(2026, 11, 20, tzinfo=UTC), data), "k3f9ab")


def _of(frame: dict[str, str]) -> int | str:
    return int(frame["position"].partition("-")[2]) if frame["type"] == "event" else frame["type"]
