"""An audience: readers who follow the same topics in the same form over the same sort of connection.

They get the same bytes, so telling them something is a loop over their sockets that does nothing but
send. It is cut into slices (see Hub), so what an audience has not been told yet waits here, in order.
"""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import length_hint
from typing import Any, NamedTuple

from consumers.delivery.follower import EventBatch, Follower
from consumers.delivery.writer import Writer, send_path_changes
from consumers.metrics import counters
from consumers.wire.batch import Encoding, FrameBatch
from consumers.wire.server_frames import Variant

logger = logging.getLogger(__name__)

MAX_WRITE_BYTES = 64 * 1024  # bytes of one write: what arrives while others are told goes along, up to here


class AudienceKey(NamedTuple):
    """What the members of one audience have in common. Without a wire the outlet is given bursts, not bytes."""

    variant: Variant
    encoding: Encoding | None
    topics: frozenset[str]


class Recipients(list[Writer]):
    """Whom an audience tells something, in this order. Never changed: an audience that changes makes another."""

    def __init__(self, writers: Iterable[Writer]) -> None:
        super().__init__(writers)
        self._sockets: list[Any] = []
        self._known = self._asked = -1  # `changes` when the sockets were noted, and when they were last asked for

    def sockets(self, first: int, last: int) -> list[Any]:
        """What to send by, as it is now. Noted where that has not changed for a while.

        So only the sockets are looked at, which the kernel's call needs anyway: what else belongs to a reader
        has left the processor's caches by the next event, and would cost 4 % of a delivery.
        """
        if self._known != send_path_changes.count:
            if self._asked != send_path_changes.count:
                self._asked = send_path_changes.count
                return sockets(self[first:last])
            self._sockets, self._known = sockets(self), send_path_changes.count
        return self._sockets[first:last]

    @cached_property
    def places(self) -> dict[Writer, int]:
        return {writer: place for place, writer in enumerate(self)}


class PendingBatch:
    """A burst that members are told, and how many of them have not been yet."""

    __slots__ = ("events", "frame_batch", "left", "size", "without")

    def __init__(self, frame_batch: FrameBatch, events: int, left: int) -> None:
        self.frame_batch = frame_batch
        self.events = events
        self.left = left
        self.size = sum(map(len, frame_batch.texts))
        self.without: set[Writer] = set()  # those among them who have been told already, or have left


class DeliveryRound:
    """The way round the members, on which they are told something.

    What arrives meanwhile goes along from where the tour stands, round to there again. So each is told in one
    write all that it has not been told, and nothing waits for another's end.
    """

    __slots__ = ("_place", "_recipients", "_told")

    def __init__(self, recipients: Recipients) -> None:
        self._recipients = recipients
        self._place = 0  # of the next: so many from there on as `left` says wait for a burst
        self._told: list[PendingBatch] = []  # the oldest first; it has the fewest left

    @property
    def goes_on(self) -> bool:
        return bool(self._told)

    def takes(self, recipients: Recipients, told: PendingBatch) -> bool:
        """Whether this may go along: the same members, and not too much for a write."""
        return recipients is self._recipients and sum(each.size for each in self._told) + told.size <= MAX_WRITE_BYTES

    def add(self, told: PendingBatch) -> None:
        self._told.append(told)

    def give(self, writer: Writer) -> None:
        """To one reader, before the others."""
        for told in self._lacked(writer):
            told.without.add(writer)
            writer.write(told.frame_batch)
            counters.delivered += told.events

    def _lacked(self, writer: Writer) -> list[PendingBatch]:
        place = self._recipients.places.get(writer)
        if place is None:
            return []
        ahead = (place - self._place) % len(self._recipients)
        return [told for told in self._told if ahead < told.left and writer not in told.without]

    def leave(self, writer: Writer) -> None:
        for told in self._lacked(writer):
            told.without.add(writer)

    def tell(self, most: int, encoding: Encoding | None) -> tuple[int, list[Writer]]:
        """The next so many. Returns how many, and those who could not be served."""
        first, recipients = self._place, self._recipients
        last = min(first + most, first + self._told[0].left, len(recipients))
        odd = set[Writer]().union(*[told.without for told in self._told])
        if odd:
            some = recipients[first:last]
            others = Recipients(writer for writer in some if writer not in odd)
            failed = self._tell_all(others, 0, len(others), encoding)
            failed += self._tell_apart(writer for writer in some if writer in odd)
        else:
            failed = self._tell_all(recipients, first, last, encoding)
        self._go(last - first)
        return last - first, failed

    def _tell_all(self, recipients: Recipients, first: int, last: int, encoding: Encoding | None) -> list[Writer]:
        if encoding is None:
            return _hand([told.frame_batch for told in self._told], recipients[first:last])
        data = b"".join([told.frame_batch.encoded(encoding) for told in self._told])
        return _send(data, recipients.sockets(first, last), recipients, first)

    def _tell_apart(self, writers: Iterable[Writer]) -> list[Writer]:
        """Those who do not lack all of it."""
        failed = []
        for writer in writers:
            failed += _hand([told.frame_batch for told in self._told if writer not in told.without], [writer])
        return failed

    def _go(self, number: int) -> None:
        self._place = (self._place + number) % len(self._recipients)
        for told in self._told:
            told.left -= number
            counters.delivered += told.events * number
        while self._told and not self._told[0].left:
            gone = self._told.pop(0)
            counters.delivered -= gone.events * len(gone.without)


class Audience:
    """Those of one kind, and what they are to be told."""

    __slots__ = ("_held", "_live", "_recipients", "_rounds", "kind", "spoke")

    def __init__(self, kind: AudienceKey, now: float) -> None:
        self.kind = kind
        self.spoke = now  # when all of them were last told something; who joins is told so at once
        self._live: dict[Writer, Follower] = {}
        self._recipients: Recipients | None = None  # the live ones, while they are the same
        self._held: dict[Follower, None] = {}
        self._rounds: list[DeliveryRound] = []  # the next begins when the one before it has ended

    def __len__(self) -> int:
        return len(self._live) + len(self._held)

    @property
    def waits(self) -> bool:
        """Whether somebody has not been told everything."""
        return bool(self._rounds)

    @property
    def recipients(self) -> list[Follower]:
        return [*self._live.values(), *self._held]

    def enter(self, reader: Follower) -> None:
        if reader.held:
            self._held[reader] = None
            return
        self._live[reader.writer] = reader
        self._recipients = None

    def leave(self, reader: Follower) -> None:
        """It is told nothing any more, not even what waits for it."""
        self._held.pop(reader, None)
        if self._live.pop(reader.writer, None) is not None:
            self._recipients = None
        for round in self._rounds:
            round.leave(reader.writer)

    def flush(self, reader: Follower) -> None:
        """Tells this one at once what waits for it."""
        for round in self._rounds:
            round.give(reader.writer)

    # --- what they are told

    def hear(self, batch: EventBatch, mask: int, now: float) -> bool:
        """Events arrived. Who is catching up gets them when it is done. Returns whether `tell` is due from now on."""
        if self._held:
            entries = batch.share(mask)
            for reader in list(self._held):
                reader.hold(entries)
        if not self._live:
            return False
        self.spoke = now
        return self._add(batch.frame_batch(mask, self.kind.variant), mask.bit_count())

    def beat(self, heartbeat: FrameBatch, now: float) -> bool:
        """Nothing happened for a while, and all is well. Returns whether `tell` is due from now on."""
        self.spoke = now
        return bool(self._live) and not self._rounds and self._add(heartbeat, 0)

    def _add(self, frame_batch: FrameBatch, events: int) -> bool:
        if self._recipients is None:
            self._recipients = Recipients(self._live)
        told, was_waited_for = PendingBatch(frame_batch, events, len(self._recipients)), self.waits
        if not (self._rounds and self._rounds[-1].takes(self._recipients, told)):
            self._rounds.append(DeliveryRound(self._recipients))
        self._rounds[-1].add(told)
        return not was_waited_for

    def tell(self, most: int) -> tuple[int, list[Follower]]:
        """Tells so many of them what waits. Returns how many, and those who could not be served."""
        round = self._rounds[0]
        number, failed = round.tell(most, self.kind.encoding)
        if not round.goes_on:
            self._rounds.pop(0)
        return number, [self._live[writer] for writer in failed]


class Held:
    """In the place of a socket to which nothing may be sent now."""

    @staticmethod
    def send(data: bytes) -> int:
        raise BlockingIOError


def sockets(writers: Iterable[Writer]) -> list[Any]:
    return [Held if (send := writer.send) is None else send.__self__ for writer in writers]  # type: ignore[attr-defined]


def _send(data: bytes, some: list[Any], recipients: Recipients, first: int) -> list[Writer]:
    """The whole cost of a delivery: one call of the kernel, and as little as possible around it.

    The outlet of the first of these sockets stands at `first`.
    """
    size, rest, end, failed = len(data), iter(some), first + len(some) - 1, []
    for socket in rest:
        try:
            if (sent := socket.send(data)) != size:
                recipients[end - length_hint(rest)].buffer(data[sent:])
        except BlockingIOError:
            recipients[end - length_hint(rest)].buffer(data)
        except OSError:  # the reading side finds out by itself and ends the connection
            continue
        except Exception:  # one reader's trouble never delays another
            logger.exception("A reader could not be served and is let go.")
            failed.append(recipients[end - length_hint(rest)])
    return failed


def _hand(frame_batches: Sequence[FrameBatch], writers: Sequence[Writer]) -> list[Writer]:
    """The same where the server gives no way to the socket."""
    failed = []
    for writer in writers:
        try:
            for frame_batch in frame_batches:
                writer.write(frame_batch)
        except Exception:
            logger.exception("A reader could not be served and is let go.")
            failed.append(writer)
    return failed
