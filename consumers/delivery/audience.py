"""An audience: readers who follow the same topics in the same form over the same sort of connection.

They get the same bytes, so telling them something is a loop over their sockets that does nothing but
send. It is cut into slices (see Hub), so what an audience has not been told yet waits here, in order.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import length_hint
from typing import Any, NamedTuple

from consumers.delivery.follower import Batch, Follower
from consumers.delivery.writer import Outlet, changes
from consumers.metrics import counters
from consumers.wire.batch import Burst, Wire
from consumers.wire.server_frames import Variant

logger = logging.getLogger(__name__)

TOGETHER = 64 * 1024  # bytes of one write: what arrives while others are told goes along, up to here


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
    """A burst that members are told, and how many of them have not been yet."""

    __slots__ = ("burst", "events", "left", "size", "without")

    def __init__(self, burst: Burst, events: int, left: int) -> None:
        self.burst = burst
        self.events = events
        self.left = left
        self.size = sum(map(len, burst.texts))
        self.without: set[Outlet] = set()  # those among them who have been told already, or have left


class Tour:
    """The way round the members, on which they are told something.

    What arrives meanwhile goes along from where the tour stands, round to there again. So each is told in one
    write all that it has not been told, and nothing waits for another's end.
    """

    __slots__ = ("_members", "_place", "_told")

    def __init__(self, members: Members) -> None:
        self._members = members
        self._place = 0  # of the next: so many from there on as `left` says wait for a burst
        self._told: list[Told] = []  # the oldest first; it has the fewest left

    @property
    def goes_on(self) -> bool:
        return bool(self._told)

    def takes(self, members: Members, told: Told) -> bool:
        """Whether this may go along: the same members, and not too much for a write."""
        return members is self._members and sum(each.size for each in self._told) + told.size <= TOGETHER

    def add(self, told: Told) -> None:
        self._told.append(told)

    def give(self, outlet: Outlet) -> None:
        """To one reader, before the others."""
        for told in self._lacked(outlet):
            told.without.add(outlet)
            outlet.write(told.burst)
            counters.delivered += told.events

    def _lacked(self, outlet: Outlet) -> list[Told]:
        place = self._members.places.get(outlet)
        if place is None:
            return []
        ahead = (place - self._place) % len(self._members)
        return [told for told in self._told if ahead < told.left and outlet not in told.without]

    def leave(self, outlet: Outlet) -> None:
        for told in self._lacked(outlet):
            told.without.add(outlet)

    def tell(self, most: int, wire: Wire | None) -> tuple[int, list[Outlet]]:
        """The next so many. Returns how many, and those who could not be served."""
        first, members = self._place, self._members
        last = min(first + most, first + self._told[0].left, len(members))
        odd = set[Outlet]().union(*[told.without for told in self._told])
        if odd:
            some = members[first:last]
            others = Members(outlet for outlet in some if outlet not in odd)
            failed = self._tell_all(others, 0, len(others), wire)
            failed += self._tell_apart(outlet for outlet in some if outlet in odd)
        else:
            failed = self._tell_all(members, first, last, wire)
        self._go(last - first)
        return last - first, failed

    def _tell_all(self, members: Members, first: int, last: int, wire: Wire | None) -> list[Outlet]:
        if wire is None:
            return _hand([told.burst for told in self._told], members[first:last])
        data = b"".join([told.burst.on(wire) for told in self._told])
        return _send(data, members.sockets(first, last), members, first)

    def _tell_apart(self, outlets: Iterable[Outlet]) -> list[Outlet]:
        """Those who do not lack all of it."""
        failed = []
        for outlet in outlets:
            failed += _hand([told.burst for told in self._told if outlet not in told.without], [outlet])
        return failed

    def _go(self, number: int) -> None:
        self._place = (self._place + number) % len(self._members)
        for told in self._told:
            told.left -= number
            counters.delivered += told.events * number
        while self._told and not self._told[0].left:
            gone = self._told.pop(0)
            counters.delivered -= gone.events * len(gone.without)


class Audience:
    """Those of one kind, and what they are to be told."""

    __slots__ = ("_held", "_live", "_members", "_tours", "kind", "spoke")

    def __init__(self, kind: Kind, now: float) -> None:
        self.kind = kind
        self.spoke = now  # when all of them were last told something; who joins is told so at once
        self._live: dict[Outlet, Follower] = {}
        self._members: Members | None = None  # the live ones, while they are the same
        self._held: dict[Follower, None] = {}
        self._tours: list[Tour] = []  # the next begins when the one before it has ended

    def __len__(self) -> int:
        return len(self._live) + len(self._held)

    @property
    def waits(self) -> bool:
        """Whether somebody has not been told everything."""
        return bool(self._tours)

    @property
    def members(self) -> list[Follower]:
        return [*self._live.values(), *self._held]

    def enter(self, reader: Follower) -> None:
        if reader.held:
            self._held[reader] = None
            return
        self._live[reader.outlet] = reader
        self._members = None

    def leave(self, reader: Follower) -> None:
        """It is told nothing any more, not even what waits for it."""
        self._held.pop(reader, None)
        if self._live.pop(reader.outlet, None) is not None:
            self._members = None
        for tour in self._tours:
            tour.leave(reader.outlet)

    def flush(self, reader: Follower) -> None:
        """Tells this one at once what waits for it."""
        for tour in self._tours:
            tour.give(reader.outlet)

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
        return self._add(batch.burst(mask, self.kind.variant), mask.bit_count())

    def beat(self, heartbeat: Burst, now: float) -> bool:
        """Nothing happened for a while, and all is well. Returns whether `tell` is due from now on."""
        self.spoke = now
        return bool(self._live) and not self._tours and self._add(heartbeat, 0)

    def _add(self, burst: Burst, events: int) -> bool:
        if self._members is None:
            self._members = Members(self._live)
        told, was_waited_for = Told(burst, events, len(self._members)), self.waits
        if not (self._tours and self._tours[-1].takes(self._members, told)):
            self._tours.append(Tour(self._members))
        self._tours[-1].add(told)
        return not was_waited_for

    def tell(self, most: int) -> tuple[int, list[Follower]]:
        """Tells so many of them what waits. Returns how many, and those who could not be served."""
        tour = self._tours[0]
        number, failed = tour.tell(most, self.kind.wire)
        if not tour.goes_on:
            self._tours.pop(0)
        return number, [self._live[outlet] for outlet in failed]


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
