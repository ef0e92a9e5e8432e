"""The load generator has to see what is wrong: otherwise nothing it says about us is worth anything."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.load.generator import Came, Crowd
from bench.systems import installs

pytestmark = pytest.mark.skipif(not shutil.which("cc") or not shutil.which("make"), reason="There is no C compiler.")
Tell = Callable[[ServerConnection], Awaitable[None]]


def event(number: int) -> str:
    return f'{{"type":"event","position":"k3f9ab-{number}","data":{{"name":"~{number}~{time.monotonic_ns()}~"}}}}'


@asynccontextmanager
async def crowd(tell: Tell, *options: str) -> AsyncIterator[Crowd]:
    """Readers of a server that tells each of them something once it has asked for it."""

    async def handle(socket: ServerConnection) -> None:
        await tell(socket)
        await socket.wait_closed()

    installs.tools()
    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with Crowd(port, options, seconds=30) as made:
            yield made


async def heard(events: int, *numbers: int) -> Came:
    """What two readers heard of so many events, if these were sent to each."""
    go, told = asyncio.Event(), asyncio.Semaphore(0)

    async def tell(socket: ServerConnection) -> None:
        await go.wait()
        for number in numbers:
            await socket.send(event(number))
        told.release()

    async with crowd(tell) as readers:
        await asyncio.to_thread(readers.open, 2)
        await asyncio.to_thread(readers.expect, events)
        go.set()
        for _ in range(2):  # before it is waited for: what does not come for a while is taken for missing
            await told.acquire()
        return await asyncio.to_thread(readers.wait, 30, 0.2)


async def test_it_finds_nothing_wrong_where_nothing_is():
    came = await heard(120, *range(1, 121))
    assert (came.is_exact, came.deliveries, came.whole) == (True, 240, 2)


async def test_it_sees_what_is_missing():
    came = await heard(4, 1, 2, 4)
    assert (came.is_exact, came.missing, came.whole) == (False, 2, 0)


async def test_it_sees_what_came_twice():
    came = await heard(3, 1, 2, 2, 3)
    assert (came.is_exact, came.twice, came.missing) == (False, 2, 0)


async def test_it_sees_what_came_out_of_order():
    came = await heard(3, 1, 3, 2)
    assert (came.is_exact, came.disordered, came.missing) == (False, 2, 0)


async def test_it_sees_what_nobody_sent():
    came = await heard(2, 1, 7, 2)
    assert (came.is_exact, came.strange) == (False, 2)


async def test_what_came_is_dated_by_its_coming_and_not_by_its_being_read():
    go, told = asyncio.Event(), asyncio.Event()

    async def tell(socket: ServerConnection) -> None:
        await go.wait()
        await socket.send(event(1))
        told.set()

    async with crowd(tell) as readers:
        await asyncio.to_thread(readers.open, 1)
        await asyncio.to_thread(readers.expect, 1)
        os.kill(readers.pid, signal.SIGSTOP)
        go.set()
        await told.wait()
        going_on = time.monotonic_ns()
        os.kill(readers.pid, signal.SIGCONT)
        await asyncio.to_thread(readers.wait, 30, 5)
        (came,) = await asyncio.to_thread(readers.lasts)
    assert 0 < came < going_on


async def test_who_comes_back_says_where_it_stood():
    said: list[str] = []

    async def tell(socket: ServerConnection) -> None:
        said.append(str(await socket.recv()))
        await socket.send('{"type":"subscribed","position":"k3f9ab-0"}')
        await asyncio.sleep(0)
        await socket.send(event(len(said)))

    options = ("--say", "new", "--resume", "since %p", "--ready", '{"type":"subscribed"', "--cursors")
    async with crowd(tell, *options) as readers:
        await asyncio.to_thread(readers.open, 1)
        await asyncio.to_thread(readers.expect, 2)
        await asyncio.to_thread(readers.wait, 30, 0.2)
        await asyncio.to_thread(readers.cut)
        await asyncio.to_thread(readers.back, 1, 10)
        came = await asyncio.to_thread(readers.report)
    assert said[0] == "new"
    assert said[1] in ("since k3f9ab-1", "since k3f9ab-0")
    assert (came.cuts, came.lost) == (1, 0)
