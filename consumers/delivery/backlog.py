"""The backlog: the newest events of the log in memory, so that a reader who was gone for a moment costs no query."""

from collections import deque
from itertools import takewhile

from consumers.wire.server_frames import Entry

MAX_EVENTS = 10_000
MAX_BYTES = 32 * 1024 * 1024  # of one process; about 10,000 posts with their fragments


class Backlog:
    """Holds every event after `floor`, oldest first, bounded in number and bytes. Used on the loop only."""

    def __init__(self, floor: int, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self.floor = floor
        self.bytes = 0
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Takes the next event; a withdrawal takes the text of its object's earlier ones."""
        if entry.withdraws:
            self._scrub(entry.event.key)
        self._entries.append(entry)
        self._account(entry)
        self._trim()

    def after(self, offset: int) -> list[Entry]:
        """Returns the events after the offset that are held, oldest first."""
        newest_first = takewhile(lambda entry: entry.offset > offset, reversed(self._entries))
        return list(newest_first)[::-1]

    def recount(self, entries: list[Entry]) -> None:
        """Counts the bytes of frames that were made of these events since they were appended."""
        for entry in entries:
            if entry.offset > self.floor and entry.counted:
                self._account(entry)
        self._trim()

    def _scrub(self, key: str) -> None:
        for entry in self._entries:
            if entry.event.key == key:
                entry.scrub()
                self._account(entry)

    def _account(self, entry: Entry) -> None:
        size = entry.size
        self.bytes += size - entry.counted
        entry.counted = size

    def _trim(self) -> None:
        while len(self._entries) > self._max_events or (self.bytes > self._max_bytes and self._entries):
            gone = self._entries.popleft()
            self.bytes -= gone.counted
            gone.counted = 0
            self.floor = gone.offset
