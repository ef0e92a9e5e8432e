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

    inherits = True  # the socket that listens

    def __init__(self, environment: dict[str, str], said: Path, *arguments: str) -> None:
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listening.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"ws://127.0.0.1:{self.port}/live/socket"
        self.said = said
        inherited = [listening.fileno()] if self.inherits else []
        if not inherited:
            listening.close()
        self.process = subprocess.Popen(
            [sys.executable, *self.command(*inherited), *arguments],
            cwd=ROOT,
            env=environment,
            pass_fds=inherited,
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


# Runs a module of Python with what comes behind its name. To import anything of consumers/server is an error there.
ALONE = """
import runpy, sys
sys.modules["consumers.server"] = None
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


class PlainDaphne(Edge):
    """The same application on Daphne as it comes."""

    def command(self, fd: int) -> list[str]:
        return ["-c", ALONE, "daphne", "--fd", str(fd), "-v", "0", "asgi:application"]


class Uvicorn(Edge):
    """The same application on uvicorn."""

    def command(self, fd: int) -> list[str]:
        return ["-c", ALONE, "uvicorn", "--fd", str(fd), "--log-level", "error", "asgi:application"]


class Runserver(Edge):
    """`manage.py runserver`, which takes no socket. It does not start again by itself here."""

    inherits = False

    def command(self) -> list[str]:
        return ["-c", ALONE, "manage", "runserver", "--noreload", f"127.0.0.1:{self.port}"]

    def caught_up(self) -> bool:
        try:
            return super().caught_up()
        except ConnectionRefusedError:  # it does not listen yet
            return False


on_every_server = pytest.mark.parametrize(
    "edge", ["package_edge", "daphne", "uvicorn"], ids=["edge", "daphne", "uvicorn"], indirect=True
)


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
def daphne(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge(kind=PlainDaphne)


@pytest.fixture(scope="package")
def uvicorn(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge(kind=Uvicorn)


@pytest.fixture(scope="package")
def ada(database: None) -> User:
    """She writes."""
    return cast.ada()


@pytest.fixture
def edge(request: pytest.FixtureRequest) -> Iterator[Edge]:
    """The edge of most tests, or another server. Whatever a client does, no exception may show up in its log."""
    edge: Edge = request.getfixturevalue(getattr(request, "param", "package_edge"))
    before = os.path.getsize(edge.said)
    yield edge
    with edge.said.open() as said:
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
