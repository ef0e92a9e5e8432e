"""One edge for each way of speaking WebSocket, for the whole suite, and what has to hold after every test."""

import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge  # noqa: F401, fixtures
from tests.rfc6455.deviations import DEVIATIONS
from tests.rfc6455.wire import Encoding, head

PROTOCOLS = ["autobahn", "lean"]  # who may speak WebSocket here: LIVE_PROTOCOL
# besides what Django says of a page that is asked for under a name that is not ours
TROUBLE = re.compile(
    r"Traceback| ERROR +(?!django\.security\.)\S| CRITICAL |Unhandled|Exception|never retrieved|never awaited"
)
HEAD_SECONDS = 5  # that a head may take; those of the suite that take so long are begun with it
HALF_HEADS = {"nothing": 0, "half a line": 10, "half a head": 100, "all but the end": len(head()) - 1}  # bytes

Lingering = dict[tuple[str, str], Encoding]


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
    return {
        name: start_edge(kind=ObservedEdge, LIVE_PROTOCOL=name, LIVE_HANDSHAKE_SECONDS=str(HEAD_SECONDS))
        for name in PROTOCOLS
    }


class Opener:
    """Connections to one edge, which are closed when the test is over."""

    def __init__(self, edge: Edge, stack: ExitStack) -> None:
        self.edge = edge
        self._stack = stack

    def wire(self, *sent: bytes) -> Encoding:
        """A connection on which this has been sent."""
        wire = Encoding(self.edge.port)
        self._stack.callback(wire.close)
        wire.send(*sent)
        return wire

    def asked(self, *sent: bytes) -> Encoding:
        """The same, with the answer to the handshake."""
        wire = self.wire(*sent)
        wire.hear_answer()
        return wire

    def __call__(self, *more: tuple[str, str]) -> Encoding:
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


@pytest.fixture(scope="package", autouse=True)
def lingering(edges: dict[str, Edge]) -> Iterator[Lingering]:
    """By protocol and what they do: connections that are begun before all tests and looked at in the last."""
    wires: Lingering = {}
    for name, edge in edges.items():
        for half, size in HALF_HEADS.items():
            wires[name, half] = Encoding(edge.port)
            wires[name, half].send(head()[:size])
        wires[name, "close"] = Encoding(edge.port)
        wires[name, "close"].send(head(("Origin", "https://evil.example")))
        assert wires[name, "close"].hear_answer().status == 101
    yield wires
    for wire in wires.values():
        wire.close()


@contextmanager
def quiet(*edges: Edge) -> Iterator[None]:
    """Whatever a client sends meanwhile, the edges serve others afterwards, and their logs tell of no trouble."""
    before = [os.path.getsize(edge.said) for edge in edges]
    yield
    for edge, size in zip(edges, before, strict=True):
        with ExitStack() as stack:
            assert Opener(edge, stack)().still_answers()
        with edge.said.open() as said:
            said.seek(size)
            assert not TROUBLE.search(told := said.read()), told


@pytest.fixture
def edge(protocol: str, edges: dict[str, Edge]) -> Iterator[Edge]:
    with quiet(edges[protocol]):
        yield edges[protocol]


@pytest.fixture
def connect(edge: Edge) -> Iterator[Opener]:
    with ExitStack() as stack:
        yield Opener(edge, stack)
