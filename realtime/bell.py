"""The bell: it says *look*, nothing else, and may be lost.

Whoever commits rings; every hub listens. The ring is one group_send on the channel layer, made by a
small thread of its own with one connection, so that sync code, Celery's children and async views
ring alike, without waiting, many rings in one.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Callable

from channels.layers import get_channel_layer

GROUP = "bell"
PATIENCE = 2.0  # seconds for one ring to go out; the hubs look by themselves after one
AGAIN = 0.2  # seconds after a failure
FAREWELL = 0.5  # seconds that the exit of a process waits for its last ring

logger = logging.getLogger(__name__)


class Bell:
    """One thread, one loop, one connection per process; nothing of it survives a fork."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a child after a fork: the thread did not come along."""
        self._opening = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()
        self._idle = threading.Event()
        self._idle.set()
        self.sent = 0
        self.failed = 0
        self.mute = False  # the last ring did not go out
        self.deaf = False  # this process does not hear

    @property
    def doubt(self) -> bool:
        """Whether rings may be lost, as far as this process knows: hubs then look more often."""
        return self.mute or self.deaf

    def ring(self) -> None:
        """Tells every hub to look. From any thread or loop, in some 0.02 ms; never waits, never fails."""
        with self._opening:
            if self._loop is None:
                self._open()
        self._idle.clear()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._rung.set)

    def flush(self) -> None:
        """Waits until the last ring is out, FAREWELL seconds at most: a process may end right after its commit."""
        self._idle.wait(FAREWELL)

    def _open(self) -> None:
        loop = asyncio.new_event_loop()
        self._rung = asyncio.Event()
        threading.Thread(target=loop.run_until_complete, args=(self._swing(),), name="bell", daemon=True).start()
        self._loop = loop

    async def _swing(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                async with asyncio.timeout(PATIENCE):
                    await get_channel_layer().group_send(GROUP, {"type": "bell"})
            except Exception as error:  # whatever Redis or its client raises: hubs look anyway
                self._failed(error)
                await asyncio.sleep(AGAIN)
            else:
                self.sent += 1
                self.mute = False
            if not self._rung.is_set():
                self._idle.set()

    def _failed(self, error: Exception) -> None:
        self.failed += 1
        if not self.mute:
            logger.warning("The bell cannot ring (%s); pages are told by polling until it can.", error)
        self.mute = True


bell = Bell()
os.register_at_fork(after_in_child=bell.forget)
atexit.register(bell.flush)


async def listen(heard: Callable[[], None]) -> None:
    """Calls `heard` at each ring, until cancelled. One mailbox per process; resubscribes by itself."""
    while True:
        try:
            layer = get_channel_layer()
            mailbox = await layer.new_channel()
            await layer.group_add(GROUP, mailbox)
            bell.deaf = False
            heard()  # something may have rung before we listened
            while True:
                await layer.receive(mailbox)
                heard()
        except Exception as error:  # as above; the pub/sub layer mends most breaks itself
            if _is_cancelled():  # it unsubscribes on the way out, which fails when Redis is away
                raise asyncio.CancelledError from error
            if not bell.deaf:
                logger.warning("The bell cannot be heard (%s); looking every tenth of a second.", error)
            bell.deaf = True
            await asyncio.sleep(AGAIN)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
