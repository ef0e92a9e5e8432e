"""The conformance suite against servers of our own starting: black box all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blog.models import User
from tests import cast
from tests.conformance.site import Site, Writer
from tests.consumers.conftest import (  # noqa: F401, fixtures
    Edge,
    PlainDaphne,
    Runserver,
    Uvicorn,
    _django_db_marker,
    database,
    start_edge,
)

pytest.register_assert_rewrite("tests.conformance.checks", "tests.conformance.http_checks")

PASSWORD = "harbour-lights"
SERVERS: dict[str, type[Edge]] = {"edge": Edge, "daphne": PlainDaphne, "runserver": Runserver, "uvicorn": Uvicorn}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As in tests/consumers: what is committed stays."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="package")
def ada(database: None) -> User:  # noqa: F811
    """She may sign in through the form."""
    ada = cast.ada()
    ada.set_password(PASSWORD)
    ada.save()
    return ada


def signed_in(edge: Edge) -> Writer:
    """Ada, where the edge is."""
    writer = Writer(Site(edge.origin))
    writer.begin("ada", PASSWORD)
    return writer


@pytest.fixture(scope="package")
def servers(start_edge: Callable[..., Edge]) -> Iterator[dict[str, Edge]]:  # noqa: F811
    """Those that were asked for, by name."""
    started: dict[str, Edge] = {}
    yield started
    for server in started.values():
        assert server.said_nothing_of("Traceback")


@pytest.fixture(scope="package", params=SERVERS)
def name(request: pytest.FixtureRequest) -> str:
    """The name of a server."""
    return str(request.param)


@pytest.fixture(scope="package")
def server(name: str, servers: dict[str, Edge], start_edge: Callable[..., Edge], ada: User) -> Edge:  # noqa: F811
    """Each server in turn, the same for all tests."""
    if name not in servers:
        servers[name] = start_edge(kind=SERVERS[name])
    return servers[name]


@pytest.fixture(scope="package")
def writer(server: Edge) -> Writer:
    """Ada, there."""
    return signed_in(server)
