"""An audience: readers who follow the same topics in the same form over the same sort of connection.

They get the same bytes, so telling them something is a loop over their sockets that does nothing but
send. It is cut into slices (see Hub), so what an audience has not been told yet waits here, in order.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import length_hint
from typing import Any, NamedTuple

from consumers.burst import Burst, Wire
from consumers.fanout import Batch, Follower
from consumers.frames import Variant
from consumers.metrics import counters
from consumers.outlet import Outlet, changes

logger = logging.getLogger(__name__)

TOGETHER = 64 * 1024  # bytes of one write: what arrives while others are told joins what waits, up to here


class Kind(NamedTuple):
    """What the members of one audience have in common. Without a wire the outlet is given bursts, not bytes."""

    variant: Variant
    wire: Wire | None
    topics: frozenset[str]


class Members(list[Outlet]):
    """Whom an audience tells something, in this order. Never changed: an audience that changes makes another."""

    def __init__(self, outlets: Iterable[Outlet]) -> None:
        super().__init__(outlets)
        self._sockets: list[Any] = []
        self._known = self._asked = -1  # `changes` when the sockets were noted, and when they were last asked for

    def sockets(self, first: int, last: int) -> list[Any]:
        """What to send by, as it is now. Noted where that has not changed for a while.

        So only the sockets are looked at, which the kernel's call needs anyway: what else belongs to a reader
        has left the processor's caches by the next event, and would cost 4 % of a delivery.
        """
        if self._known != changes.count:
            if self._asked != changes.count:
                self._asked = changes.count
                return sockets(self[first:last])
            self._sockets, self._known = sockets(self), changes.count
        return self._sockets[first:last]

    @cached_property
    def places(self) -> dict[Outlet, int]:
        return {outlet: place for place, outlet in enumerate(self)}


class Told:
    """What an audience is told in one write, and who has not been yet."""

    __slots__ = ("_members", "_next", "_without", "bursts", "events", "grows", "size")

    def __init__(self, burst: Burst, members: Members, events: int) -> None:
        self.bursts = [burst]
        self.events = events
        self.size = sum(map(len, burst.texts))
        self.grows = events > 0  # until somebody is told, or who would be is not the same any more
        self._members = members
        self._next = 0  # the place of the first who has not been told
        self._without: set[Outlet] = set()  # those behind it who have been told already, or have left

    @property
    def waits(self) -> bool:
        return self._next < len(self._members)

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

    def take(self, most: int) -> tuple[Members, int, int]:
        """The next of them, who count as told from now on: from one place to another in these."""
        self.grows = False
        first, self._next = self._next, min(self._next + most, len(self._members))
        if not self._without:
            return self._members, first, self._next
        some = Members(outlet for outlet in self._members[first : self._next] if outlet not in self._without)
        return some, 0, len(some)

    def give(self, outlet: Outlet) -> None:
        """To one reader, before the others."""
        self.grows = False
        if self._members.places.get(outlet, -1) >= self._next and outlet not in self._without:
            self._without.add(outlet)
            for burst in self.bursts:
                outlet.write(burst)
            counters.delivered += self.events

    def leave(self, outlet: Outlet) -> None:
        self._without.add(outlet)


class Audience:
    """Those of one kind, and what they are to be told."""

    __slots__ = ("_held", "_live", "_members", "_queue", "kind", "spoke")

    def __init__(self, kind: Kind, now: float) -> None:
        self.kind = kind
        self.spoke = now  # when all of them were last told something; who joins is told so at once
        self._live: dict[Outlet, Follower] = {}
        self._members: Members | None = None  # the live ones, while they are the same
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
        self._members = None
        if self._queue:
            self._queue[-1].grows = False

    def leave(self, reader: Follower) -> None:
        """It is told nothing any more, not even what waits for it."""
        self._held.pop(reader, None)
        if self._live.pop(reader.outlet, None) is not None:
            self._members = None
        for told in self._queue:
            told.leave(reader.outlet)

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
        if self._members is None:
            self._members = Members(self._live)
        self._queue.append(Told(burst, self._members, events))
        return len(self._queue) == 1

    def tell(self, most: int) -> tuple[int, list[Follower]]:
        """Tells so many of them what waits first. Returns how many, and those who could not be served."""
        told, wire = self._queue[0], self.kind.wire
        members, first, last = told.take(most)
        if wire is None:
            failed = _hand(told.bursts, members[first:last])
        else:
            failed = _send(told.on(wire), members.sockets(first, last), members, first)
        counters.delivered += told.events * (last - first)
        if not told.waits:
            self._queue.pop(0)
        return last - first, [self._live[outlet] for outlet in failed]


class Held:
    """In the place of a socket to which nothing may be sent now."""

    @staticmethod
    def send(data: bytes) -> int:
        raise BlockingIOError


def sockets(outlets: Iterable[Outlet]) -> list[Any]:
    return [Held if (send := outlet.send) is None else send.__self__ for outlet in outlets]  # type: ignore[attr-defined]


def _send(data: bytes, some: list[Any], members: Members, first: int) -> list[Outlet]:
    """The whole cost of a delivery: one call of the kernel, and as little as possible around it.

    The outlet of the first of these sockets stands at `first`.
    """
    size, rest, end, failed = len(data), iter(some), first + len(some) - 1, []
    for socket in rest:
        try:
            if (sent := socket.send(data)) != size:
                members[end - length_hint(rest)].keep(data[sent:])
        except BlockingIOError:
            members[end - length_hint(rest)].keep(data)
        except OSError:  # the reading side finds out by itself and ends the connection
            continue
        except Exception:  # one reader's trouble never delays another
            logger.exception("A reader could not be served and is let go.")
            failed.append(members[end - length_hint(rest)])
    return failed


def _hand(bursts: Sequence[Burst], outlets: Sequence[Outlet]) -> list[Outlet]:
    """The same where the server gives no way to the socket."""
    failed = []
    for outlet in outlets:
        try:
            for burst in bursts:
                outlet.write(burst)
        except Exception:
            logger.exception("A reader could not be served and is let go.")
            failed.append(outlet)
    return failed
