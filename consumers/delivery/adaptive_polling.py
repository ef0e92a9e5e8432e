"""The watch: while much is committed, this hub looks by the clock and not by the bell.

It promises to, so that nobody has to ring: realtime.polling_lease. Used on the tail's thread.
"""

from time import monotonic

from realtime.log import LogRead
from realtime.polling_lease import LEASE_SECONDS

POLL_INTERVAL = 0.04  # seconds between the beginnings of two looks
MIN_EVENTS_PER_SECOND = 400  # events a second begin a watch, and prolong it
MIN_EVENTS_PER_READ = 4  # events that each look finds before one begins
MIN_BUSY_READS = 2  # so many in a row


class AdaptivePolling:
    """The promise that this hub keeps, its own or another's."""

    def __init__(self) -> None:
        self._until = 0.0  # a look that begins no earlier ends the watch
        self._since = 0.0  # when it was begun or prolonged
        self._came = 0  # events since then
        self._looked = 0.0  # when the last look began
        self._busy_reads = 0  # looks in a row that found much

    @property
    def is_on(self) -> bool:
        return self._until > 0

    def offer(self) -> float:
        """How long a promise to make with the look that begins now, if it finds anything; 0: none.

        What one transaction brings begins no watch, however much: the next would come later for it.
        """
        if not self.is_on:
            return LEASE_SECONDS if self._busy_reads >= MIN_BUSY_READS else 0.0
        now = monotonic()
        is_enough = self._came >= MIN_EVENTS_PER_SECOND * (now - self._since)
        return LEASE_SECONDS if is_enough and now > self._until - LEASE_SECONDS / 2 else 0.0

    def note(self, look: LogRead, began: float, offered: float) -> bool:
        """Takes what a look found. Returns whether a promise was made of which the other hubs have to hear."""
        now = monotonic()
        self._came += len(look.events)
        is_much = len(look.events) >= max(MIN_EVENTS_PER_READ, MIN_EVENTS_PER_SECOND * (began - self._looked))
        self._busy_reads = self._busy_reads + 1 if is_much else 0
        self._looked = began
        was_made = offered > 0 and look.promised > LEASE_SECONDS / 2
        if look.promised > 0:
            if was_made or not self.is_on:
                self._since, self._came = now, 0
            self._until = now + look.promised
        elif began >= self._until:
            self._until = 0.0
        return was_made
