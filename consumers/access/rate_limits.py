"""How fast one client may ask: frames of a connection, requests of an address. Counted in this process only."""

from collections import OrderedDict
from time import monotonic

BURST_SECONDS = 5  # seconds' worth of requests from one address: a newsroom behind it comes back in the same moment
MAX_ADDRESSES = 20_000  # whose pace is remembered; beyond that the one that asked longest ago is a new one


class TokenBucket:
    """A bucket that holds `burst` and fills at `rate` a second. A rate of 0 is no limit."""

    __slots__ = ("_left", "_rate", "_since", "burst")

    def __init__(self, rate: int, burst: int) -> None:
        self._rate = rate
        self.burst = burst
        self._left = float(burst)
        self._since = monotonic()

    def holds(self, waiting: int) -> bool:
        """Whether so many frames may wait for an application that is busy with an earlier one."""
        return not self._rate or waiting < self.burst

    def allows(self, frames: int = 1) -> bool:
        """Takes so many; False where there are not."""
        if not self._rate:
            return True
        now = monotonic()
        self._left = min(self.burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < frames:
            return False
        self._left -= frames
        return True


class AddressBuckets:
    """How fast each address asks, in this process."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()  # who asked longest ago, first

    def allows(self, subject: str, rate: int) -> bool:
        """Whether the address may ask now. 0 is no limit."""
        if not rate:
            return True
        bucket = self._buckets.pop(subject, None) or TokenBucket(rate, rate * BURST_SECONDS)
        self._buckets[subject] = bucket
        if len(self._buckets) > MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket.allows()


address_buckets = AddressBuckets()
