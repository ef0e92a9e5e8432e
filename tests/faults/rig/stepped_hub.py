"""A hub whose tail does one job for each call of `step`, so that a schedule decides the order of everything."""

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

BACKLOG_ROWS = 3  # so few that most pages are recovered from the log, while more events arrive

T = TypeVar("T")


class SteppedTail(LogTail):
    """The tail without its thread; `step` does what the thread would do next."""

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
        function(*values)  # this is the loop's thread

    def step(self) -> bool:
        """Does one job, or reads the log when there is none; returns whether there was a job."""
        if not self._todo:
            self.poll()
            return False
        work, done = self._todo.popleft()
        done.set_result(work())
        return True


class Captured:
    """Stands in for a connection's writer, and appends each frame to a list."""

    encoding = None
    is_lagging = True  # so that long recoveries wait for `drain`

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []

    def write(self, frame_batch: FrameBatch) -> None:
        self.frames += [msgspec.json.decode(text) for text in frame_batch.texts]

    async def drain(self) -> None:
        await asyncio.sleep(0)  # lets events arrive meanwhile

    def abort(self) -> None:
        raise AssertionError("A captured writer is never aborted.")


async def stepped_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Returns a hub that hears no bell and reads the log only when its tail is stepped."""

    async def hear_nothing(heard: Callable[[], None]) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(hub_module, "LogTail", SteppedTail)
    monkeypatch.setattr(hub_module, "listen", hear_nothing)
    monkeypatch.setattr(history, "Backlog", partial(Backlog, max_events=BACKLOG_ROWS))
    hub = Hub()
    await hub.ready()
    return hub
