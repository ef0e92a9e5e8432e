"""Rate limits: frames of a connection, requests of an address. Counted in this process only."""

from collections import OrderedDict
from time import monotonic

BURST_SECONDS = 5  # of requests at once from one address: a newsroom behind it comes back in the same moment
MAX_ADDRESSES = 20_000  # that are remembered; beyond that, the one that asked longest ago is forgotten


class TokenBucket:
    """A bucket that holds `burst` tokens and fills at `rate` a second. A rate of 0 is no limit."""

    __slots__ = ("_left", "_rate", "_since", "burst")

    def __init__(self, rate: int, burst: int) -> None:
        self._rate = rate
        self.burst = burst
        self._left = float(burst)
        self._since = monotonic()

    def holds(self, waiting: int) -> bool:
        """Returns whether another frame may wait for an application that is busy, behind `waiting` others."""
        return not self._rate or waiting < self.burst

    def allows(self, tokens: int = 1) -> bool:
        """Takes the tokens; returns False, and takes none, where there are fewer."""
        if not self._rate:
            return True
        now = monotonic()
        self._left = min(self.burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < tokens:
            return False
        self._left -= tokens
        return True


class AddressBuckets:
    """A bucket for each address that asks this process."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # the one that asked longest ago, first

    def allows(self, subject: str, rate: int) -> bool:
        """Returns whether the address may ask now, at `rate` requests a second. 0 is no limit."""
        if not rate:
            return True
        bucket = self._buckets.pop(subject, None) or TokenBucket(rate, rate * BURST_SECONDS)
        self._buckets[subject] = bucket
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket.allows()


address_buckets = AddressBuckets()
