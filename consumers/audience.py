"""An audience: readers who follow the same topics in the same form over the same sort of connection.

They get the same bytes, so telling them something is a loop over their sockets that does nothing but
send. It is cut into slices (see Hub), so what an audience has not been told yet waits here, in order.
"""

import logging
from typing import NamedTuple

from consumers.burst import Burst, Wire
from consumers.fanout import Batch, Follower
from consumers.frames import Variant
from consumers.metrics import counters
from consumers.outlet import Outlet

logger = logging.getLogger(__name__)

TOGETHER = 64 * 1024  # bytes of one write: what arrives while others are told joins what waits, up to here


class Kind(NamedTuple):
    """What the members of one audience have in common. Without a wire the outlet is given bursts, not bytes."""

    variant: Variant
    wire: Wire | None
    topics: frozenset[str]


class Told:
    """What an audience is told in one write, and who has not been yet."""

    __slots__ = ("bursts", "events", "grows", "size", "waiting")

    def __init__(self, burst: Burst, waiting: dict[Outlet, Follower], events: int) -> None:
        self.bursts = [burst]
        self.waiting = waiting
        self.events = events
        self.size = sum(map(len, burst.texts))
        self.grows = events > 0  # until somebody is told, or who would be is not the same any more

    def takes(self, burst: Burst, events: int) -> bool:
        """Joins what arrived later to this, if that is the same to everybody."""
        size = sum(map(len, burst.texts))
        if not self.grows or self.size + size > TOGETHER:
            return False
        self.bursts.append(burst)
        self.events += events
        self.size += size
        return True

    def on(self, wire: Wire) -> bytes:
        return b"".join([burst.on(wire) for burst in self.bursts])

    def give(self, outlet: Outlet) -> None:
        """To one reader, before the others."""
        self.grows = False
        if self.waiting.pop(outlet, None) is not None:
            for burst in self.bursts:
                outlet.write(burst)
            counters.delivered += self.events


class Audience:
    """Those of one kind, and what they are to be told."""

    __slots__ = ("_held", "_live", "_queue", "kind", "spoke")

    def __init__(self, kind: Kind, now: float) -> None:
        self.kind = kind
        self.spoke = now  # when all of them were last told something; who joins is told so at once
        self._live: dict[Outlet, Follower] = {}
        self._held: dict[Follower, None] = {}
        self._queue: list[Told] = []

    def __len__(self) -> int:
        return len(self._live) + len(self._held)

    @property
    def waits(self) -> bool:
        """Whether somebody has not been told everything."""
        return bool(self._queue)

    @property
    def members(self) -> list[Follower]:
        return [*self._live.values(), *self._held]

    def enter(self, reader: Follower) -> None:
        if reader.held:
            self._held[reader] = None
            return
        self._live[reader.outlet] = reader
        if self._queue:
            self._queue[-1].grows = False

    def leave(self, reader: Follower) -> None:
        """It is told nothing any more, not even what waits for it."""
        self._held.pop(reader, None)
        self._live.pop(reader.outlet, None)
        for told in self._queue:
            told.waiting.pop(reader.outlet, None)

    def flush(self, reader: Follower) -> None:
        """Tells this one at once what waits for it."""
        for told in self._queue:
            told.give(reader.outlet)

    # --- what they are told

    def hear(self, batch: Batch, mask: int, now: float) -> bool:
        """Events arrived. Who is catching up gets them when it is done. Returns whether `tell` is due from now on."""
        if self._held:
            entries = batch.share(mask)
            for reader in list(self._held):
                reader.hold(entries)
        if not self._live:
            return False
        self.spoke = now
        burst, events = batch.burst(mask, self.kind.variant), mask.bit_count()
        if self._queue and self._queue[-1].takes(burst, events):
            return False
        return self._add(burst, events)

    def beat(self, heartbeat: Burst, now: float) -> bool:
        """Nothing happened for a while, and all is well. Returns whether `tell` is due from now on."""
        self.spoke = now
        return bool(self._live) and not self._queue and self._add(heartbeat, 0)

    def _add(self, burst: Burst, events: int) -> bool:
        self._queue.append(Told(burst, self._live.copy(), events))
        return len(self._queue) == 1

    def tell(self, most: int) -> tuple[int, list[Follower]]:
        """Tells so many of them what waits first. Returns how many, and those who could not be served."""
        told, wire = self._queue[0], self.kind.wire
        told.grows = False
        number = min(most, len(told.waiting))
        failed = _hand(told, number) if wire is None else _send(told, number, told.on(wire))
        counters.delivered += told.events * number
        if not told.waiting:
            self._queue.pop(0)
        return number, failed


def _send(told: Told, number: int, data: bytes) -> list[Follower]:
    """The whole cost of a delivery: one call of the kernel, and as little as possible around it."""
    size, take, failed = len(data), told.waiting.popitem, []
    for _ in range(number):
        outlet, reader = take()
        try:
            if (send := outlet.send) is None:
                outlet.keep(data)
            elif (sent := send(data)) != size:
                outlet.keep(data[sent:])
        except BlockingIOError:
            outlet.keep(data)
        except OSError:  # the reading side finds out by itself and ends the connection
            continue
        except Exception:  # one reader's trouble never delays another
            logger.exception("A reader could not be served and is let go.")
            failed.append(reader)
    return failed


def _hand(told: Told, number: int) -> list[Follower]:
    """The same where the server gives no way to the socket."""
    failed = []
    for _ in range(number):
        outlet, reader = told.waiting.popitem()
        try:
            for burst in told.bursts:
                outlet.write(burst)
        except Exception:
            logger.exception("A reader could not be served and is let go.")
            failed.append(reader)
    return failed
