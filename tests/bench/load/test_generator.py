"""The load generator detects deliveries that are missing, doubled or out of order: every figure relies on that."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.load.generator import DeliveryReport, LoadGenerator
from bench.systems import installs

pytestmark = pytest.mark.skipif(not shutil.which("cc") or not shutil.which("make"), reason="There is no C compiler.")
Behaviour = Callable[[ServerConnection], Awaitable[None]]


def event(number: int) -> str:
    return f'{{"type":"event","position":"k3f9ab-{number}","data":{{"name":"~{number}~{time.monotonic_ns()}~"}}}}'


@asynccontextmanager
async def load_on(behave: Behaviour, *options: str) -> AsyncIterator[LoadGenerator]:
    """Yields a load generator for a server that behaves to each connection as it is told."""

    async def handle(socket: ServerConnection) -> None:
        await behave(socket)
        await socket.wait_closed()

    installs.build_tools()
    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with LoadGenerator(port, options, lifetime=30) as load:
            yield load


async def report_of(events: int, *numbers: int) -> DeliveryReport:
    """Returns the report of two readers that expect `events` and are sent the events with these numbers."""
    go, sent = asyncio.Event(), asyncio.Semaphore(0)

    async def behave(socket: ServerConnection) -> None:
        await go.wait()
        for number in numbers:
            await socket.send(event(number))
        sent.release()

    async with load_on(behave) as load:
        await asyncio.to_thread(load.connect, 2)
        await asyncio.to_thread(load.expect, events)
        go.set()
        for _ in range(2):  # before waiting: what does not arrive for a while counts as missing
            await sent.acquire()
        return await asyncio.to_thread(load.wait, 30, 0.2)


async def test_it_finds_nothing_where_all_is_delivered():
    report = await report_of(120, *range(1, 121))
    assert (report.is_exact, report.deliveries, report.complete) == (True, 240, 2)


async def test_it_counts_missing_events():
    report = await report_of(4, 1, 2, 4)
    assert (report.is_exact, report.missing, report.complete) == (False, 2, 0)


async def test_it_counts_duplicates():
    report = await report_of(3, 1, 2, 2, 3)
    assert (report.is_exact, report.duplicates, report.missing) == (False, 2, 0)


async def test_it_counts_events_out_of_order():
    report = await report_of(3, 1, 3, 2)
    assert (report.is_exact, report.out_of_order, report.missing) == (False, 2, 0)


async def test_it_counts_events_that_are_not_expected():
    report = await report_of(2, 1, 7, 2)
    assert (report.is_exact, report.unexpected) == (False, 2)


async def test_an_arrival_is_dated_by_the_kernel_and_not_by_its_being_read():
    go, sent = asyncio.Event(), asyncio.Event()

    async def behave(socket: ServerConnection) -> None:
        await go.wait()
        await socket.send(event(1))
        sent.set()

    async with load_on(behave) as load:
        await asyncio.to_thread(load.connect, 1)
        await asyncio.to_thread(load.expect, 1)
        os.kill(load.pid, signal.SIGSTOP)
        go.set()
        await sent.wait()
        resumed = time.monotonic_ns()
        os.kill(load.pid, signal.SIGCONT)
        await asyncio.to_thread(load.wait, 30, 5)
        (arrival,) = await asyncio.to_thread(load.last_arrivals)
    assert 0 < arrival < resumed


async def test_a_reader_who_comes_back_sends_its_position():
    said: list[str] = []

    async def behave(socket: ServerConnection) -> None:
        said.append(str(await socket.recv()))
        await socket.send('{"type":"subscribed","position":"k3f9ab-0"}')
        await asyncio.sleep(0)
        await socket.send(event(len(said)))

    options = ("--say", "new", "--resume", "since %p", "--ready", '{"type":"subscribed"', "--cursors")
    async with load_on(behave, *options) as load:
        await asyncio.to_thread(load.connect, 1)
        await asyncio.to_thread(load.expect, 2)
        await asyncio.to_thread(load.wait, 30, 0.2)
        await asyncio.to_thread(load.cut)
        await asyncio.to_thread(load.reconnect, 1, 10)
        report = await asyncio.to_thread(load.report)
    assert said[0] == "new"
    assert said[1] in ("since k3f9ab-1", "since k3f9ab-0")
    assert (report.cuts, report.lost) == (1, 0)
