"""The polling lease: the time until which hubs poll the log by themselves, so that writers need not ring.

Where much is committed, a ring for each commit costs more than everything else that announcing does. So a hub
that finds many events writes into the log's row that it will poll every few milliseconds until a time one second
ahead, and once after it (consumers.delivery.adaptive_polling). Every other hub that reads the lease keeps it too.
A writer asks for the lease from time to time, in the statement that inserts its outbox rows, and does not ring for
a commit that ends before the lease does: a poll that begins later reads it.

The lease is compared after COMMIT with a clock that was read before the writer asked, so a lease that a writer
takes for open is open. If every hub that holds it has died, a commit is delayed as by a lost ring.
docs/decisions/0004-what-announcing-costs.md has the figures.
"""

from time import monotonic

LEASE_SECONDS = 1.0  # how far ahead a hub sets it
RENEW_BEFORE_SECONDS = LEASE_SECONDS / 4  # a writer asks again this long before the end; hubs renew it at its half

# The seconds that are left of the lease, NULL where there never was one: for an INSERT's RETURNING.
SECONDS_LEFT_SQL = "(SELECT date_part('epoch', promised - clock_timestamp()) FROM realtime_log)"


class PollingLease:
    """The lease as one database connection of a writer knows it."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a commit that has ended by now needs no ring."""
        return monotonic() < self._until

    @property
    def needs_renewal(self) -> bool:
        """Whether the next INSERT has to ask how much of the lease is left."""
        return monotonic() > self._until - RENEW_BEFORE_SECONDS

    def record(self, asked: float, left: float | None) -> None:
        """Records the answer to SECONDS_LEFT_SQL; `asked` is the monotonic time before the statement was sent.

        The recorded lease is never longer than LEASE_SECONDS, whatever the server's clock did meanwhile.
        """
        self._until = 0.0 if left is None else asked + min(left, LEASE_SECONDS)
