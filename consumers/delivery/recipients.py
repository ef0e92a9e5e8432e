"""Recipients: the writers of an audience, and the loop that sends the same bytes to all of them."""

import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import length_hint
from typing import Any

from consumers.delivery.writer import Writer, send_path_changes
from consumers.wire.batch import FrameBatch

logger = logging.getLogger(__name__)


class Recipients(list[Writer]):
    """The writers of an audience in the order of delivery. Never changed: an audience that changes makes others."""

    def __init__(self, writers: Iterable[Writer]) -> None:
        super().__init__(writers)
        self._sockets: list[Any] = []
        # `send_path_changes` when the sockets were noted, and when they were last asked for
        self._noted_at = self._asked_at = -1

    def sockets(self, first: int, last: int) -> list[Any]:
        """Returns what to send by, as it is now; noted where no send path has changed for a while.

        So only the sockets are looked at, which the kernel's call needs anyway: what else belongs to a reader
        has left the processor's caches by the next event, and would cost 4 % of a delivery.
        """
        if self._noted_at != send_path_changes.count:
            if self._asked_at != send_path_changes.count:
                self._asked_at = send_path_changes.count
                return _sockets(self[first:last])
            self._sockets, self._noted_at = _sockets(self), send_path_changes.count
        return self._sockets[first:last]

    @cached_property
    def places(self) -> dict[Writer, int]:
        """Where each writer stands in the list."""
        return {writer: place for place, writer in enumerate(self)}

    def send(self, data: bytes, first: int, last: int) -> list[Writer]:
        """Sends the bytes to those from `first` up to `last`; returns the writers that failed.

        This is the whole cost of a delivery: one call of the kernel, and as little as possible around it.
        """
        some = self.sockets(first, last)
        size, rest, end, failed = len(data), iter(some), first + len(some) - 1, []
        for socket in rest:
            try:
                if (sent := socket.send(data)) != size:
                    self[end - length_hint(rest)].buffer(data[sent:])
            except BlockingIOError:
                self[end - length_hint(rest)].buffer(data)
            except OSError:  # the reading side finds out by itself and ends the connection
                continue
            except Exception:  # one reader's trouble never delays another
                logger.exception("A reader could not be served and is let go.")
                failed.append(self[end - length_hint(rest)])
        return failed


def write_batches(batches: Sequence[FrameBatch], writers: Iterable[Writer]) -> list[Writer]:
    """Writes the batches to each writer, whatever its way to the connection; returns the writers that failed."""
    failed = []
    for writer in writers:
        try:
            for batch in batches:
                writer.write(batch)
        except Exception:
            logger.exception("A reader could not be served and is let go.")
            failed.append(writer)
    return failed


class _Blocked:
    """Stands in the place of a socket to which nothing may be sent now."""

    @staticmethod
    def send(data: bytes) -> int:
        raise BlockingIOError


def _sockets(writers: Iterable[Writer]) -> list[Any]:
    return [_Blocked if (send := writer.send) is None else send.__self__ for writer in writers]  # type: ignore[attr-defined]
