"""The promise: hubs say until when nobody has to ring.

Where much is committed, a ring for each commit costs more than all else that announcing does. So a hub that
finds much promises in the log to look every few milliseconds until a moment in a second, rung for or not,
and the last time after it (consumers.delivery.adaptive_polling). Every hub
that reads of a promise keeps it, too. Who inserts
pending rows asks for it, now and then, in the same statement; and does not ring for what is committed
before the moment, since a look that begins later sees it.

What counts is the time after COMMIT, by a clock that was read before the question was sent: a promise that
is held for open is open. Where nobody is left to keep it, it costs what a lost ring costs.
docs/decisions/0004-what-announcing-costs.md has the figures.
"""

from time import monotonic

LEASE_SECONDS = 1.0  # seconds
RENEW_BEFORE_SECONDS = LEASE_SECONDS / 4  # before its end it is asked for again: hubs renew it in time, at its half

# How much of it is left, in seconds; NULL where there never was one. For the answer to an INSERT.
SECONDS_LEFT_SQL = "(SELECT date_part('epoch', promised - clock_timestamp()) FROM realtime_log)"


class PollingLease:
    """What one connection knows of the promise that the hubs have made."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether nobody has to ring for what is committed by now."""
        return monotonic() < self._until

    @property
    def is_in_question(self) -> bool:
        return monotonic() > self._until - RENEW_BEFORE_SECONDS

    def take(self, asked: float, left: float | None) -> None:
        """Takes the answer to LEFT; `asked` is what the monotonic clock said before the question was sent.

        It is never longer than a promise is, whatever happened to the server's clock.
        """
        self._until = 0.0 if left is None else asked + min(left, LEASE_SECONDS)
