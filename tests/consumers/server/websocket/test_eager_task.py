"""A coroutine that is run at once, as far as it goes without waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from consumers.server.websocket import eager_task


async def nothing() -> None:
    pass


def fails_with(error: BaseException) -> "asyncio.Future[Any]":
    future = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


async def test_what_does_not_wait_is_done_when_it_returns():
    done = []

    async def work() -> None:
        await nothing()
        done.append(True)

    assert eager_task.run_eagerly(work()) is None
    assert done


async def test_what_fails_before_it_waits_fails_at_once():
    async def work() -> None:
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        eager_task.run_eagerly(work())


WAITS: dict[str, Callable[[], Awaitable[Any]]] = {
    "a turn of the loop": lambda: asyncio.sleep(0),
    "a moment": lambda: asyncio.sleep(0.001),
    "a task": lambda: asyncio.ensure_future(nothing()),
    "several": lambda: asyncio.gather(nothing(), asyncio.sleep(0), nothing()),
    "one of several": lambda: asyncio.wait([asyncio.ensure_future(nothing())], timeout=30),
    "a shielded one": lambda: asyncio.shield(asyncio.sleep(0)),
    "what is done already": lambda: _done(),
}


async def _done() -> None:
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    await future


@pytest.mark.parametrize("first", WAITS)
@pytest.mark.parametrize("second", WAITS)
async def test_what_waits_goes_on_as_a_task(first: str, second: str):
    steps: list[object] = []

    async def work() -> None:
        steps.append("begun")
        await WAITS[first]()
        await WAITS[second]()
        steps.append(asyncio.current_task())

    task = eager_task.run_eagerly(work())
    assert steps[0] == "begun"
    if first == second == "what is done already":
        assert task is None
        return
    assert task is not None
    await task
    assert steps == ["begun", task]


async def test_it_hears_the_result_and_the_error_of_what_it_waits_for():
    heard: list[Any] = []
    answer = asyncio.get_running_loop().create_future()

    async def work() -> None:
        heard.append(await answer)
        try:
            await fails_with(OSError("gone"))
        except OSError as error:
            heard.append(str(error))
        raise ValueError("on purpose")

    task = eager_task.run_eagerly(work())
    answer.set_result(7)
    with pytest.raises(ValueError, match="on purpose"):
        await task
    assert heard == [7, "gone"]


@pytest.mark.parametrize("waits", [1, 2])
async def test_a_cancellation_reaches_it_wherever_it_waits(waits: int):
    reached: list[int] = []

    async def work() -> None:
        for number in range(waits):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                reached.append(number)
                if number == waits - 1:
                    raise

    task = eager_task.run_eagerly(work())
    for _ in range(waits):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert reached == list(range(waits))


async def test_two_who_wait_for_the_same_both_hear_of_it():
    answer = asyncio.get_running_loop().create_future()
    heard: list[int] = []

    async def work(number: int) -> None:
        await answer
        heard.append(number)

    tasks = [eager_task.run_eagerly(work(1)), asyncio.ensure_future(work(2)), eager_task.run_eagerly(work(3))]
    await asyncio.sleep(0)
    answer.set_result(None)
    await asyncio.gather(*tasks)
    assert sorted(heard) == [1, 2, 3]


async def test_a_lock_is_handed_on_in_order():
    lock, order = asyncio.Lock(), []

    async def work(number: int) -> None:
        async with lock:
            await asyncio.sleep(0)
            order.append(number)

    await asyncio.gather(*[eager_task.run_eagerly(work(number)) for number in range(5)])
    assert order == list(range(5))
