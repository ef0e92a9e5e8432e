"""Adaptive polling: while much is committed, this hub reads the log by the clock and not by the bell.

It holds a lease on that (realtime.polling_lease), so that writers need not ring. Used on the tail's thread.
"""

from time import monotonic

from realtime.log import LogRead
from realtime.polling_lease import LEASE_SECONDS

POLL_INTERVAL = 0.04  # seconds between the beginnings of two reads
MIN_EVENTS_PER_SECOND = 400  # events a second that begin the polling, and prolong it
MIN_EVENTS_PER_READ = 4  # events that a read finds at least to count as busy
MIN_BUSY_READS = 2  # busy reads in a row that begin the polling


class AdaptivePolling:
    """The polling that this hub has promised, or that another hub has promised for all."""

    def __init__(self) -> None:
        self._until = 0.0  # a read that begins no earlier ends the polling
        self._since = 0.0  # when it was begun or prolonged
        self._events = 0  # found since then
        self._last_read = 0.0  # when the last read began
        self._busy_reads = 0  # in a row

    @property
    def is_on(self) -> bool:
        """Whether this hub polls."""
        return self._until > 0

    def offer(self) -> float:
        """Returns the seconds of the lease to take with the read that begins now, if it finds anything; 0 for none.

        What one transaction brings begins no polling, however much: the next would come later for it.
        """
        if not self.is_on:
            return LEASE_SECONDS if self._busy_reads >= MIN_BUSY_READS else 0.0
        now = monotonic()
        is_busy = self._events >= MIN_EVENTS_PER_SECOND * (now - self._since)
        return LEASE_SECONDS if is_busy and now > self._until - LEASE_SECONDS / 2 else 0.0

    def note(self, found: LogRead, began: float, offered: float) -> bool:
        """Takes what a read found; returns whether it took a lease of which the other hubs have to hear.

        `began` is when the read began (monotonic), `offered` what `offer` returned for it.
        """
        now = monotonic()
        number = len(found.events)
        self._events += number
        is_busy = number >= max(MIN_EVENTS_PER_READ, MIN_EVENTS_PER_SECOND * (began - self._last_read))
        self._busy_reads = self._busy_reads + 1 if is_busy else 0
        self._last_read = began
        is_taken = offered > 0 and found.promised > LEASE_SECONDS / 2
        if found.promised > 0:
            if is_taken or not self.is_on:
                self._since, self._events = now, 0
            self._until = now + found.promised
        elif began >= self._until:
            self._until = 0.0
        return is_taken
