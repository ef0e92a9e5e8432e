"""How long a client may leave what waits for it, measured by what gets through and never by signs of life.

How long a request may take to arrive is measured in `http_channel.py` and `sniffing.py`. This file knows how
Twisted keeps what it could not send yet.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any, NamedTuple

from django.conf import settings
from twisted.internet.tcp import Connection

from consumers.metrics import counters

CHECKS_PER_TIMEOUT = 3  # of a connection within LIVE_STALL_SECONDS

_Connection: Any = Connection  # it says nothing about its types


class StallDetector:
    """Cuts connections whose client takes nothing of what waits for it: a page, an answer, a stream, a socket.

    While anything waits, Twisted has the connection among its writers. What it handed on since the last
    check shows in its buffers, what the client took in the kernel's: that one may have room for 4 MB, and wants
    a third of them free before it takes more. So no write is counted on its way.
    """

    def __init__(self, writers: Callable[[], Iterable[Any]]) -> None:
        """`writers` returns the connections for which anything waits."""
        self._writers = writers
        self._waiting: dict[Any, tuple[int, _Unsent]] = {}  # and how often they were found like this

    def check(self) -> None:
        """Checks the connections CHECKS_PER_TIMEOUT times per LIVE_STALL_SECONDS; reschedules itself."""
        before, self._waiting = self._waiting, {}
        for each in self._writers():
            if not isinstance(each, _Connection):
                continue
            times, was = before.get(each, (0, None))
            unsent = _Unsent(each.dataBuffer, each._tempDataBuffer, each.offset, _kernel_unsent(each))
            if was is None or not unsent.is_as(was):
                times = 0
            if times == CHECKS_PER_TIMEOUT:
                counters.stalled += 1
                each.abortConnection()
            else:
                self._waiting[each] = times + 1, unsent
        asyncio.get_running_loop().call_later(settings.LIVE_STALL_SECONDS / CHECKS_PER_TIMEOUT, self.check)


class _Unsent(NamedTuple):
    """What waits for a client. While it is kept, its buffers cannot be taken for others at the same place in memory."""

    buffer: Any
    more: Any
    offset: int
    kernel: int

    def is_as(self, other: "_Unsent") -> bool:
        same = self.buffer is other.buffer and self.more is other.more
        return same and (self.offset, self.kernel) == (other.offset, other.kernel)


def _kernel_unsent(connection: Any) -> int:
    """Bytes that the kernel keeps for the client; 0 where it does not say."""
    try:
        return int.from_bytes(ioctl(connection.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    except OSError:
        return 0
