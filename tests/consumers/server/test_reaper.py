"""What Daphne does for its connections again and again, without walks over all of them."""

import asyncio
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import pytest

from consumers.server.reaper import KEEPALIVE_IDLE_SECONDS, Reaper
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw
from tests.waiting import until


class Connection:
    """What the server knows of one."""

    def __init__(self, server: Reaper) -> None:
        self.errors: list[Exception] = []
        self.server = server
        server.protocol_connected(self)

    def handle_exception(self, error: Exception) -> None:
        self.errors.append(error)

    def run(self, application: Callable[[], Awaitable[Any]]) -> "asyncio.Future[Any]":
        running = asyncio.ensure_future(application())
        self.server.watch(self, running)
        return running


@pytest.fixture
def server() -> Reaper:
    return Reaper(None, endpoints=["none"])


async def test_a_connection_is_forgotten_when_it_and_its_application_have_ended(server: Reaper):
    async def application():
        pass

    first, second = Connection(server), Connection(server)
    running = first.run(application)
    server.protocol_disconnected(first)
    assert first in server.connections, "its application goes on"
    await asyncio.wait([running, second.run(application)])
    assert list(server.connections) == [second]
    for each in (second, second, first):  # Daphne says so twice of some
        server.protocol_disconnected(each)
    assert not server.connections
    assert not server._gone


async def test_an_application_that_fails_is_said_to_who_waits_and_logged(server: Reaper, caplog):
    async def application():
        raise ValueError("on purpose")

    waits, has_gone = Connection(server), Connection(server)
    running = [each.run(application) for each in (waits, has_gone)]
    server.protocol_disconnected(has_gone)
    await asyncio.wait(running)
    assert [str(error) for error in waits.errors] == ["on purpose"]
    assert not has_gone.errors
    assert [record.message for record in caplog.records] == 2 * ["Exception inside application: on purpose"]


async def test_an_application_that_goes_on_for_nobody_is_ended(server: Reaper, caplog):
    gone, stays = Connection(server), Connection(server)
    running = [each.run(asyncio.Event().wait) for each in (gone, stays)]
    server.protocol_disconnected(gone)
    server.application_checker()
    assert not caplog.records, "it has ten seconds"
    server.connections[gone]["disconnected"] = time.time() - server.application_close_timeout - 1
    with caplog.at_level(logging.WARNING):
        server.application_checker()
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    assert [each.cancelled() for each in running] == [True, False]
    assert list(server.connections) == [stays]
    running[1].cancel()


def test_the_kernel_asks_after_who_is_silent(edge: Edge):
    """Of a machine that is gone nothing more is heard, and nobody here would notice."""
    with closing(Raw(edge)) as raw:
        until(lambda: 0 < asks_in(raw.socket) <= KEEPALIVE_IDLE_SECONDS)


def asks_in(connection: socket.socket) -> float:
    """Seconds until the server's side of this connection asks whether there is anybody; 0: never."""
    here, there = (f":{each[1]:04X}" for each in (connection.getsockname(), connection.getpeername()))
    with open("/proc/net/tcp") as connections:
        for line in connections:
            _, local, remote, _, _, timer, *_ = line.split()
            if local.endswith(there) and remote.endswith(here):
                kind, _, ticks = timer.partition(":")
                return int(ticks, 16) / 100 if kind == "02" else 0.0
    return 0.0
