"""One edge for each way of speaking WebSocket, for the whole suite, and what has to hold after every test."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge  # noqa: F401, fixtures
from tests.rfc6455.deviations import DEVIATIONS
from tests.rfc6455.wire import Wire, head

PROTOCOLS = ["autobahn", "lean"]  # who may speak WebSocket here: LIVE_PROTOCOL
TROUBLE = re.compile(r"Traceback| ERROR | CRITICAL |Unhandled|Exception|never retrieved|never awaited")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As in tests/consumers: what is committed stays."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)
            for reason in (DEVIATIONS[name] for name in DEVIATIONS if item.name.startswith(name)):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=False))


class ObservedEdge(Edge):
    """An edge that says what Twisted would have swallowed."""

    def command(self, fd: int) -> list[str]:
        return ["-m", "tests.rfc6455.observed", "--fd", str(fd)]


@pytest.fixture(scope="package")
def edges(start_edge: Callable[..., Edge]) -> dict[str, Edge]:  # noqa: F811
    return {name: start_edge(kind=ObservedEdge, LIVE_PROTOCOL=name) for name in PROTOCOLS}


class Opener:
    """Connections to one edge, which are closed when the test is over."""

    def __init__(self, protocol: str, edge: Edge, stack: ExitStack) -> None:
        self.protocol = protocol
        self.edge = edge
        self._stack = stack

    def wire(self, *sent: bytes) -> Wire:
        """A connection on which this has been sent."""
        wire = Wire(self.edge.port)
        self._stack.callback(wire.close)
        wire.send(*sent)
        return wire

    def asked(self, *sent: bytes) -> Wire:
        """The same, with the answer to the handshake."""
        wire = self.wire(*sent)
        wire.hear_answer()
        return wire

    def __call__(self, *more: tuple[str, str]) -> Wire:
        """A connection that is open and has been welcomed."""
        wire = self.asked(head(*more))
        assert wire.answer.status == 101, wire.answer.headers
        assert wire.hear()["type"] == "welcome"
        return wire


def sockets(edge: Edge) -> int:
    """How many the edge says it holds."""
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        return int(re.search(r"^stop_press_sockets\{.*\} (\d+)$", answer.read().decode(), re.MULTILINE)[1])


def open_files(edge: Edge) -> int:
    return len(os.listdir(f"/proc/{edge.process.pid}/fd"))


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def edge(protocol: str, edges: dict[str, Edge]) -> Iterator[Edge]:
    """Whatever a client sends, the edge serves others afterwards, and its log tells of no trouble."""
    edge = edges[protocol]
    before = os.path.getsize(edge.said)
    yield edge
    with ExitStack() as stack:
        assert Opener(protocol, edge, stack)().still_answers()
    with edge.said.open() as said:
        said.seek(before)
        assert not TROUBLE.search(told := said.read()), told


@pytest.fixture
def connect(protocol: str, edge: Edge) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield Opener(protocol, edge, stack)
