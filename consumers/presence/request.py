"""Presence of readers by requests: a stream, or a question to the log, is present while it is open.

A socket says `here` again and again; a request says it once, in its query, and ends. A reader who polls is away
between two requests, for moments that presence does not notice (realtime/presence.py, GRACE_SECONDS).
"""

import asyncio
from collections.abc import Sequence

from consumers.presence.topic import Occupant, PresenceListener
from consumers.presence.tracker import tracker
from realtime import topics
from realtime.presence import LEASE_SECONDS
from realtime.tickets import Reader

RENEW_INTERVAL = LEASE_SECONDS / 2  # seconds


class RequestPresence:
    """One request's presence on the topics that its query names."""

    def __init__(self, listener: PresenceListener, names: Sequence[str]) -> None:
        self._occupant = Occupant(listener)
        self._names = [topics.normal(name) for name in names]
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, reader: Reader) -> None:
        """Makes the reader present on the topics that they may still follow; renews itself."""
        for name in self._names:
            if topics.check(reader, name) is None:
                tracker.here(self._occupant, reader, name, "viewing")
        if self._names:
            self._timer = asyncio.get_running_loop().call_later(RENEW_INTERVAL, self._renew)

    def set_reader(self, reader: Reader) -> None:
        """Replaces the reader by another, or by the same with other rights."""
        tracker.set_reader(self._occupant, reader)

    def end(self) -> None:
        """Ends the presence as a connection breaks: another request may go on with it. Harmless when none began."""
        if self._timer is not None:
            self._timer.cancel()
        tracker.disconnect(self._occupant)

    def _renew(self) -> None:
        self.begin(self._occupant.reader)
