"""Presence of those who read by requests: a stream or a question to the log is present while it is open.

A socket says `here` again and again; a request says it once, in its query, and ends. Who polls is away
for moments only, which presence does not notice (realtime/presence.py, GRACE_SECONDS).
"""

import asyncio
from collections.abc import Sequence

from consumers.presence.topic import Occupant, PresenceListener
from consumers.presence.tracker import tracker
from realtime import topics
from realtime.presence import LEASE_SECONDS
from realtime.tickets import Reader

RENEW_INTERVAL = LEASE_SECONDS / 2


class RequestPresence:
    """One request's presence, on the topics that its query names."""

    def __init__(self, told: PresenceListener, names: Sequence[str]) -> None:
        self._occupant = Occupant(told)
        self._names = [topics.normal(name) for name in names]
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, reader: Reader) -> None:
        """Of those that this reader may follow by now."""
        for name in self._names:
            if topics.check(reader, name) is None:
                tracker.here(self._occupant, reader, name, "viewing")
        if self._names:
            self._timer = asyncio.get_running_loop().call_later(RENEW_INTERVAL, self._renew)

    def becomes(self, reader: Reader) -> None:
        """Who asked is somebody else now, or the same with other rights."""
        tracker.becomes(self._occupant, reader)

    def end(self) -> None:
        """It may come back at once, and be another request; harmless when it never began."""
        if self._timer is not None:
            self._timer.cancel()
        tracker.lose(self._occupant)

    def _renew(self) -> None:
        self.begin(self._occupant.reader)
