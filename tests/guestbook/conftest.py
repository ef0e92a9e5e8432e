"""A real server on which the guest book is installed, and a reader of it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge
from tests.consumers.reader import Reader

__all__ = ["_django_db_marker", "database", "start_edge"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-django makes the database only if some test is marked; these commit, but are not flushed."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="package")
def edge(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge()


@pytest.fixture
def cleo(edge: Edge) -> Iterator[Reader]:
    """She reads the guest book, as HTML, and has not signed in."""
    with contextlib.closing(edge.connect()) as reader:
        reader.ask("hello", format="html")
        assert reader.subscribe("guests")["topics"] == ["guests"]
        yield reader
