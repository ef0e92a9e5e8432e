"""The straight line, whole, on the servers that every Django reader knows: plain Daphne and uvicorn."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, Page

from blog.models import User
from tests import cast
from tests.consumers.conftest import Edge, PlainDaphne, Uvicorn
from tests.journey.conftest import PATIENCE
from tests.journey.test_line import a_post_goes_there_and_away_again

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(params=[PlainDaphne, Uvicorn])
def server(request: pytest.FixtureRequest, start_edge: Callable[..., Edge]) -> Iterator[Edge]:
    server = start_edge(kind=request.param)
    yield server
    assert server.said_nothing_of("Traceback")


@pytest.fixture
def pages(server: Edge, chromium: Browser) -> Iterator[list[Page]]:
    """The front page in two browser profiles, live."""
    with ExitStack() as ends:
        pages = []
        for _ in range(2):
            context = ends.enter_context(chromium.new_context(base_url=server.origin))
            context.set_default_timeout(PATIENCE)
            pages.append(context.new_page())
        for page in pages:
            page.goto("/")
            page.wait_for_selector("live-status[state=live]")
            page.evaluate("window.sameDocument = true")
        yield pages


def test_a_post_goes_from_one_page_to_another_and_away_again(pages: list[Page], database: None):
    ada = User.objects.filter(username="ada").first() or cast.ada()
    ada.set_password("harbour-lights")
    ada.save()
    a_post_goes_there_and_away_again(*pages)
