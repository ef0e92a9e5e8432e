"""Recovery: what a reader missed. All of it, in order, of each object the newest only; or none of it."""

from collections.abc import Iterable, Set
from typing import NamedTuple

from django.conf import settings

from consumers.delivery.history import History
from consumers.wire.server_frames import Entry
from realtime.position import Position


class Unrecoverable(Exception):
    """Not everything that was missed can be had. `missed` is a lower bound of it, None where unknown."""

    def __init__(self, reason: str, missed: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.missed = missed


class Missed(NamedTuple):
    """An event to catch up with; `left` are topics that its object left in events that it stands for."""

    entry: Entry
    left: tuple[str, ...] = ()


async def missed(
    history: History, since: Position, new: Set[str], old: Set[str] = frozenset(), compacted: bool = True
) -> list[Missed]:
    """Returns the events after `since` up to where the history stands now, on the new topics and on no old one.

    They are compacted, unless every event is wanted. Raises Unrecoverable. The backlog is read before
    anything is awaited: what arrives while the log is read comes after this.
    """
    limit = settings.LIVE_MAX_RECOVERY_ROWS  # beyond it a fresh page is cheaper for both sides
    floor = history.backlog.floor
    _check(history, since)
    recent = [entry for entry in history.backlog.after(since.offset) if not new.isdisjoint(entry.event.topics)]
    older: list[Entry] = []
    # Readers from before the log ask from where it begins: all of them the same, and so it is one read.
    begin, trimmed = max(since.offset, history.trimmed), history.trimmed
    if begin < floor:
        older, trimmed = await history.read(begin, frozenset(new), floor)
    entries = [entry for entry in older + recent if old.isdisjoint(entry.event.topics)]
    if since.offset < trimmed:
        raise Unrecoverable("trimmed", min(len(entries), limit))  # what is left of it
    if len(older) + len(recent) > limit:
        raise Unrecoverable("too-many", limit)
    return compact(entries) if compacted else list(map(Missed, entries))


def _check(history: History, since: Position) -> None:
    if since.epoch != history.epoch:
        raise Unrecoverable("epoch")
    if since.offset > history.offset:
        raise Unrecoverable("ahead")


def compact(entries: Iterable[Entry]) -> list[Missed]:
    """Returns the newest event of each key and family, oldest first.

    A skipped event may have said that its object left a topic; the one that stands for it says so
    too, unless the object has come back.
    """
    newest: dict[tuple[str, str], Missed] = {}
    for entry in entries:
        slot = entry.event.key, entry.family
        skipped = newest.pop(slot, None)
        left = skipped.left + skipped.entry.event.left if skipped else ()
        newest[slot] = Missed(entry, tuple(dict.fromkeys(t for t in left if t not in entry.event.topics)))
    return list(newest.values())
