"""A real server process for the tests of the edge, and readers to connect to it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from blog.models import User
from realtime import log
from tests import cast
from tests.consumers.reader import Reader
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parent.parent.parent
numbers = count(1)


class Edge:
    """A server process on a free port."""

    def __init__(self, environment: dict[str, str], said: Path, *arguments: str) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listening.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"ws://127.0.0.1:{self.port}/live/socket"
        self.said = said
        self.process = subprocess.Popen(
            [sys.executable, *self.command(listening.fileno()), *arguments],
            cwd=ROOT,
            env=environment,
            pass_fds=[listening.fileno()],
            stderr=said.open("w"),
        )
        listening.close()

    def command(self, fd: int) -> list[str]:
        return ["manage.py", "edge", "--fd", str(fd)]

    def connect(self, **options: object) -> Reader:
        """A reader who has been welcomed."""
        reader = Reader(self.url, **options)
        reader.welcome = reader.hear()
        return reader

    def said_nothing_of(self, word: str) -> bool:
        return word not in self.said.read_text()

    def answers(self) -> bool:
        """Whether it knows where its log stands, whichever log that is."""
        with contextlib.closing(self.connect()) as reader:
            return bool(reader.welcome["epoch"])

    def caught_up(self) -> bool:
        with contextlib.closing(self.connect()) as reader:
            return reader.pong() == str(log.position())

    def stop(self) -> int:
        """Asks it to end; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE)
        finally:
            self.process.kill()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-django makes the database only if some test is marked; these commit, but are not flushed."""
    for item in items:
        if Path(__file__).parent in Path(item.path).parents:
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(autouse=True)
def _django_db_marker() -> None:
    """In place of pytest-django's, which wraps a marked test in a transaction or flushes after it.

    A flush is a new epoch, takes locks that the running edge wants too, and is not needed: no test
    here is about rows that it did not make itself.
    """


@pytest.fixture(scope="package")
def database(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        call_command("flush", interactive=False, verbosity=0)
        connection.close()


@pytest.fixture(scope="package")
def start_edge(
    database: None, child_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Edge]]:
    """Starts edges; stops those that a test did not stop itself."""
    edges = []

    def start(*arguments: str, ready: bool = True, kind: type[Edge] = Edge, **environment: str) -> Edge:
        said = tmp_path_factory.mktemp("edge") / "stderr"
        edge = kind({**child_environment, "PYTHONUNBUFFERED": "1", **environment}, said, *arguments)
        edges.append(edge)
        until(edge.caught_up if ready else edge.answers, seconds=60)
        return edge

    yield start
    for edge in edges:
        edge.process.send_signal(signal.SIGTERM)
    with contextlib.ExitStack() as ended:
        for edge in edges:
            ended.callback(edge.stop)


@pytest.fixture(scope="package")
def package_edge(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge()


@pytest.fixture(scope="package")
def ada(database: None) -> User:
    """She writes."""
    return cast.ada()


@pytest.fixture
def edge(package_edge: Edge) -> Iterator[Edge]:
    """The edge of most tests. Whatever a client does, no exception may show up in its log."""
    before = os.path.getsize(package_edge.said)
    yield package_edge
    with package_edge.said.open() as said:
        said.seek(before)
        assert "Traceback" not in said.read()


@pytest.fixture
def cleo(edge: Edge) -> Iterator[Reader]:
    """She only reads."""
    with contextlib.closing(edge.connect()) as reader:
        yield reader


@pytest.fixture
def dora(edge: Edge) -> Iterator[Reader]:
    """Another who only reads."""
    with contextlib.closing(edge.connect()) as reader:
        yield reader


@pytest.fixture(scope="module")
def other_edge(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge()


@pytest.fixture
def topic() -> str:
    """One that nobody else was on a moment ago."""
    return f"post.9000{next(numbers)}"
