"""A coroutine that is run at once, as far as it goes without waiting: only what is left of it becomes a task.

Most frames are answered without waiting for anything, and a task costs more than they do. asyncio has the
same from Python 3.12 on (eager tasks). Until the first wait there is no current task, so `asyncio.timeout`
may not come before it.
"""

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


def run_eagerly(coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None] | None":
    """None where it is done. Raises what it raises."""
    try:
        awaited = coroutine.send(None)
    except StopIteration:
        return None
    if awaited is not None:
        awaited._asyncio_future_blocking = False  # until it is awaited below; others may await it before
    return asyncio.get_running_loop().create_task(_finish(coroutine, awaited))


async def _finish(coroutine: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _rest(coroutine, awaited)


@types.coroutine
def _rest(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Stands between the coroutine and its task, which did not hear what was awaited first."""
    if awaited is not None:
        awaited._asyncio_future_blocking = True  # as a future says when it is awaited
    while True:
        try:
            value = yield awaited
        except BaseException as error:  # a cancellation, say: it is for the coroutine
            going_on = _thrown(coroutine, error)
        else:
            going_on = _sent(coroutine, value)
        if going_on is _DONE:
            return
        awaited = going_on


_DONE = object()


def _sent(coroutine: Coroutine[Any, Any, None], value: Any) -> Any:
    try:
        return coroutine.send(value)
    except StopIteration:
        return _DONE


def _thrown(coroutine: Coroutine[Any, Any, None], error: BaseException) -> Any:
    try:
        return coroutine.throw(error)
    except StopIteration:
        return _DONE
