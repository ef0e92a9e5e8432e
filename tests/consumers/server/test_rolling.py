"""Edges are replaced while a hundred readers read: nobody loses anything, and they come back spread."""

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_once

from consumers.server.drain import window
from realtime.embedded import listening
from realtime.embedded.readiness import ReadinessSocket
from tests.consumers.conftest import ROOT, Edge
from tests.consumers.written import write
from tests.waiting import PATIENCE, until

SEED = 20261121
READERS = int(os.environ.get("ROLLING_READERS", "100"))
PAUSE = READERS / 5000  # seconds between two events: as many as one process of clients can take


class TwoEdges:
    """A port with two edges on it, as `live --edges 2` keeps them."""

    def __init__(self, environment: dict[str, str], said: Path) -> None:
        listener = listening.bind("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/live/socket"
        self.listeners = listening.listeners_on_port(listener, 2)
        self.readiness = ReadinessSocket()
        self.environment = {**environment, **self.readiness.environment, "LIVE_MAX_PER_ADDRESS": "0"}
        self.said = said.open("w")
        self.edges = [self.start(two_edges) for two_edges in self.listeners]

    def start(self, two_edges: socket.socket, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "manage.py", "edge", "--fd", str(two_edges.fileno()), *arguments]
        edge = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, pass_fds=[two_edges.fileno()], stderr=self.said
        )
        until(self.readiness.ready_received, 60)
        return edge

    def status(self, path: str) -> int:
        return status(self.port, path)

    def roll(self) -> list[int]:
        """Each is replaced by one that is ready; the exit codes of the old."""
        codes = []
        for number, two_edges in enumerate(self.listeners):
            old, self.edges[number] = self.edges[number], self.start(two_edges)
            old.send_signal(signal.SIGTERM)
            codes.append(old.wait(60))
        return codes

    def close(self) -> None:
        for edge in self.edges:
            edge.send_signal(signal.SIGINT)
        for edge in self.edges:
            edge.wait(60)
        for two_edges in self.listeners:
            two_edges.close()
        self.readiness.close()
        self.said.close()


class Follower:
    """A page that follows `site`: it keeps its cursor, and comes back when it is told to."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self.url, self.dice = url, dice
        self.keys: list[str] = []
        self.position: str | None = None
        self.back: list[float] = []  # when it came back
        self.here = False

    async def read(self) -> None:
        wait = 0.0
        while True:
            await asyncio.sleep(wait)
            wait = await self.session()

    async def session(self) -> float:
        """Until the server closes; the seconds after which to come back."""
        wait = 0.0
        async with connect(self.url, max_size=None) as socket:
            since = {} if self.position is None else {"since": self.position}
            await socket.send(json.dumps({"type": "subscribe", "topics": ["site"], **since}))
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    frame = json.loads(text)
                    self.position = frame.get("position", self.position)
                    match frame["type"]:
                        case "subscribed":
                            assert frame["recovered"]
                            if since:
                                self.back.append(time.monotonic())
                            self.here = True
                        case "event":
                            self.keys.append(frame["key"])
                        case "leaving":
                            wait = self.dice.uniform(*frame["reconnect_in"]) / 1000
            assert socket.close_code == 4012, socket.close_code
        return wait


@pytest.fixture
def two_edges(database: None, child_environment: dict[str, str], tmp_path: Path) -> Iterator[TwoEdges]:
    with contextlib.closing(TwoEdges({**child_environment, "PYTHONUNBUFFERED": "1"}, tmp_path / "said")) as two_edges:
        yield two_edges
        assert "Traceback" not in (tmp_path / "said").read_text()


async def test_a_rolling_restart_of_two_edges_loses_nothing(two_edges: TwoEdges):
    dice = random.Random(SEED)
    followers = [Follower(two_edges.url, dice) for _ in range(READERS)]
    tasks = [asyncio.create_task(each.read()) for each in followers]
    await met(lambda: all(each.here for each in followers))
    written: list[str] = []
    for _ in range(3):  # they come back together where the machine has stood still, but hardly three times
        for each in followers:
            each.back.clear()
        await roll(two_edges, followers, written)
        if busiest(followers) <= READERS / 2:
            break
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}, ends

    assert all(each.keys == written for each in followers)
    assert sum(len(each.back) for each in followers) >= READERS, "everybody sat on an edge that was replaced"
    assert busiest(followers) <= READERS / 2, "at most twice the mean of the window"


async def roll(two_edges: TwoEdges, followers: list[Follower], written: list[str]) -> None:
    """Replaces both edges while somebody writes; until everybody has all of it."""
    stop = threading.Event()

    def writer() -> None:
        while not stop.wait(PAUSE):
            written.append(f"tag.{len(written)}")
            write((written[-1], ["site"], []))
        connection.close()

    writing = asyncio.create_task(asyncio.to_thread(writer))
    assert await asyncio.to_thread(two_edges.roll) == [0, 0]
    stop.set()
    await writing
    await met(lambda: all(len(each.keys) >= len(written) for each in followers))


def busiest(followers: list[Follower]) -> int:
    """How many came back in a quarter of the window, at most."""
    back = sorted(time for each in followers for time in each.back)
    quarter = window(READERS) / 4
    return max(bisect_left(back, start + quarter) - number for number, start in enumerate(back))


async def met(holds: Callable[[], bool], seconds: float = 60) -> None:
    """`until`, for the loop."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s"
        await asyncio.sleep(0.02)


def test_the_door_of_a_dead_edge_is_closed_until_there_is_another(two_edges: TwoEdges):
    for number, listener in enumerate(two_edges.listeners):
        two_edges.edges[number].kill()
        two_edges.edges[number].wait()
        listening.stop_accepting(listener)
        for _ in range(12):  # of which half would wait at the closed door
            assert two_edges.status("/live/ticket") == 200
        two_edges.edges[number] = two_edges.start(listener)


class TestHalves:
    def test_an_edge_for_live_connections_has_no_pages(self, start_edge: Callable[..., Edge]):
        edge = start_edge("--only-live")
        assert [status(edge.port, path) for path in ("/", "/admin/", "/live/ticket")] == [404, 404, 200]
        assert status(edge.port, "/healthz") != 404
        assert edge.stop() == 0

    def test_a_web_process_has_no_live_connections(self, two_edges: TwoEdges):
        with contextlib.closing(listening.bind("127.0.0.1", 0)) as listener:
            web, port = two_edges.start(listener, "--no-live"), listener.getsockname()[1]
            live = ("/live/stream?topic=front", "/live/log?topic=front")
            assert [status(port, path) for path in ("/live/ticket", "/static/missing", *live)] == [200, 404, 404, 404]
            with pytest.raises(InvalidStatus):
                connect_once(f"ws://127.0.0.1:{port}/live/socket")
            web.send_signal(signal.SIGTERM)
            assert web.wait(60) == 0


def status(port: int, path: str) -> int:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as asking:
        asking.request("GET", path)
        return asking.getresponse().status
