"""The conformance suite against an edge of our own: black box all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from blog.models import User
from tests import cast
from tests.conformance.site import Site, Writer
from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge  # noqa: F401, fixtures
from tests.consumers.other_servers import PlainDaphne, Uvicorn

pytest.register_assert_rewrite("tests.conformance.checks", "tests.conformance.http_checks")

PASSWORD = "harbour-lights"


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
def writer(start_edge: Callable[..., Edge], ada: User) -> Iterator[Writer]:  # noqa: F811
    edge = start_edge()
    yield signed_in(edge)
    assert edge.said_nothing_of("Traceback")


@pytest.fixture(scope="package")
def uvicorn(start_edge: Callable[..., Edge], ada: User) -> Iterator[Edge]:  # noqa: F811
    edge = start_edge(kind=Uvicorn)
    yield edge
    assert edge.said_nothing_of("Traceback")


@pytest.fixture(scope="package")
def daphne(start_edge: Callable[..., Edge], ada: User) -> Iterator[Edge]:  # noqa: F811
    edge = start_edge(kind=PlainDaphne)
    yield edge
    assert edge.said_nothing_of("Traceback")


@pytest.fixture(scope="package", params=["daphne", "uvicorn"])
def other(request: pytest.FixtureRequest) -> Edge:
    """Where events leave through ASGI's `send`."""
    edge: Edge = request.getfixturevalue(request.param)
    return edge


@pytest.fixture(scope="package")
def other_writer(other: Edge) -> Writer:
    return signed_in(other)
