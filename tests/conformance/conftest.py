"""The conformance suite against an edge of our own: black box all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import cast
from tests.conformance.site import Site, Writer
from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge  # noqa: F401, fixtures

pytest.register_assert_rewrite("tests.conformance.checks", "tests.conformance.http_checks")

PASSWORD = "harbour-lights"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """As in tests/consumers: what is committed stays."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="package")
def writer(start_edge: Callable[..., Edge]) -> Iterator[Writer]:  # noqa: F811
    """Ada, signed in through the form."""
    ada = cast.ada()
    ada.set_password(PASSWORD)
    ada.save()
    edge = start_edge()
    writer = Writer(Site(edge.origin))
    writer.begin("ada", PASSWORD)
    yield writer
    assert edge.said_nothing_of("Traceback")
