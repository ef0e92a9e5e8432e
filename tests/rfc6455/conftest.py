"""One edge for the whole suite, and what has to hold after every test."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge  # noqa: F401, fixtures
from tests.rfc6455.wire import Connection, head

# besides what Django says of a page that is asked for under a name that is not ours
TROUBLE = re.compile(
    r"Traceback| ERROR +(?!django\.security\.)\S| CRITICAL |Unhandled|Exception|never retrieved|never awaited"
)
HEAD_SECONDS = 5  # that a head may take; those of the suite that take so long are begun with it
HALF_HEADS = {"nothing": 0, "half a line": 10, "half a head": 100, "all but the end": len(head()) - 1}  # bytes

Lingering = dict[str, Connection]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As in tests/consumers: what is committed stays."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)


class ObservedEdge(Edge):
    """An edge that says what Twisted would have swallowed."""

    def command(self, fd: int) -> list[str]:
        return ["-m", "tests.rfc6455.observed", "--fd", str(fd)]


@pytest.fixture(scope="package")
def suite_edge(start_edge: Callable[..., Edge]) -> Edge:  # noqa: F811
    return start_edge(kind=ObservedEdge, LIVE_HANDSHAKE_SECONDS=str(HEAD_SECONDS))


class Opener:
    """Connections to one edge, which are closed when the test is over."""

    def __init__(self, edge: Edge, stack: ExitStack) -> None:
        self.edge = edge
        self._stack = stack

    def wire(self, *sent: bytes) -> Connection:
        """A connection on which this has been sent."""
        wire = Connection(self.edge.port)
        self._stack.callback(wire.close)
        wire.send(*sent)
        return wire

    def asked(self, *sent: bytes) -> Connection:
        """The same, with the answer to the handshake."""
        wire = self.wire(*sent)
        wire.hear_answer()
        return wire

    def __call__(self, *more: tuple[str, str]) -> Connection:
        """A connection that is open and has been welcomed."""
        wire = self.asked(head(*more))
        assert wire.answer.status == 101, wire.answer.headers
        assert wire.hear()["type"] == "welcome"
        return wire


def sockets(edge: Edge) -> int:
    """How many the edge says it holds."""
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        return int(re.search(r"^stop_press_sockets\{.*\} (\d+)\.0$", answer.read().decode(), re.MULTILINE)[1])


def open_files(edge: Edge) -> int:
    return len(os.listdir(f"/proc/{edge.process.pid}/fd"))


@pytest.fixture(scope="package", autouse=True)
def lingering(suite_edge: Edge) -> Iterator[Lingering]:
    """By what they do: connections that are begun before all tests and looked at in the last."""
    wires: Lingering = {}
    for half, size in HALF_HEADS.items():
        wires[half] = Connection(suite_edge.port)
        wires[half].send(head()[:size])
    wires["close"] = Connection(suite_edge.port)
    wires["close"].send(head(("Origin", "https://evil.example")))
    assert wires["close"].hear_answer().status == 101
    yield wires
    for wire in wires.values():
        wire.close()


@contextmanager
def quiet(edge: Edge) -> Iterator[None]:
    """Asserts that the edge serves others after what a client sends meanwhile, and that its log tells of no trouble."""
    before = os.path.getsize(edge.said)
    yield
    with ExitStack() as stack:
        assert Opener(edge, stack)().still_answers()
    with edge.said.open() as said:
        said.seek(before)
        assert not TROUBLE.search(told := said.read()), told


@pytest.fixture
def edge(suite_edge: Edge) -> Iterator[Edge]:
    with quiet(suite_edge):
        yield suite_edge


@pytest.fixture
def connect(edge: Edge) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield Opener(edge, stack)
