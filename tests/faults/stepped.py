"""The hub with its tail held still: it works when it is told to, so that a schedule decides everything."""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
import pytest

from consumers.delivery import history
from consumers.delivery import hub as hub_module
from consumers.delivery.backlog import Backlog
from consumers.delivery.hub import Hub
from consumers.delivery.log_tail import LogTail
from consumers.wire.batch import FrameBatch

RING = 3  # rows: most pages have to be recovered from the log, while more arrives

T = TypeVar("T")


class SteppedTail(LogTail):
    """The tail without its thread: `step` does what the thread would do next."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._todo: deque[tuple[Callable[[], Any], asyncio.Future[Any]]] = deque()
        self.poll()

    def stop(self) -> None:
        self.connection.close()

    def call(self, work: Callable[[], T]) -> asyncio.Future[T]:
        done = self._loop.create_future()
        self._todo.append((work, done))
        return done

    def _on_loop(self, function: Callable[..., None], *values: Any) -> None:
        function(*values)  # we are on it

    def step(self) -> bool:
        """Does one job, or looks when there is none; whether there was one."""
        if not self._todo:
            self.poll()
            return False
        work, done = self._todo.popleft()
        done.set_result(work())
        return True


class Captured:
    """An outlet into a list."""

    encoding = None
    is_lagging = True  # so that whoever writes much waits a turn

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def write(self, frame_batch: FrameBatch) -> None:
        self.frames += [msgspec.json.decode(text) for text in frame_batch.texts]

    async def drain(self) -> None:
        await asyncio.sleep(0)  # a turn in which something may arrive

    def abort(self) -> None:
        raise AssertionError("Nobody here is slow.")


async def stepped_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub that hears no bell and looks only when its tail is stepped."""

    async def deaf(heard: Callable[[], None]) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(hub_module, "LogTail", SteppedTail)
    monkeypatch.setattr(hub_module, "listen", deaf)
    monkeypatch.setattr(history, "Backlog", partial(Backlog, max_events=RING))
    hub = Hub()
    await hub.ready()
    return hub
