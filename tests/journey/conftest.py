"""Whole ways: a real server, real browsers, and whoever sits at them."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from blog.models import User
from tests import cast
from tests.conftest import CHROMIUM_FLAGS
from tests.consumers.conftest import Edge, _django_db_marker, database, start_edge
from tests.journey.wire import Wire

__all__ = ["_django_db_marker", "database", "start_edge"]

PATIENCE = 30_000  # milliseconds for what should come at once, on a busy machine
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """pytest-django makes the database only if some test is marked; these commit, but are not flushed."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="package")
def chromium(database: None) -> Iterator[Browser]:
    """One browser for all journeys.

    Playwright's loop runs on this thread, so Django would take every query of the tests for one
    from a coroutine.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
        connections.close_all()  # those made beside a running loop are not those of afterwards
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def edge(start_edge: Callable[..., Edge]) -> Edge:
    return start_edge()


@pytest.fixture
def ada(database: None) -> User:
    return User.objects.filter(username="ada").first() or cast.ada()


Open = Callable[..., Page]
Behind = Callable[..., tuple[Wire, Page]]


@pytest.fixture(scope="package")
def contexts(chromium: Browser, edge: Edge) -> Iterator[Callable[[User | None], BrowserContext]]:
    """The browser profile of somebody, or of nobody; pages of one profile share its cache."""
    made: dict[int | None, BrowserContext] = {}

    def context(who: User | None) -> BrowserContext:
        key = who.pk if who else None
        if key not in made:
            made[key] = chromium.new_context(base_url=edge.origin)
            made[key].set_default_timeout(PATIENCE)
            if who:
                sign_in(made[key], who, edge.origin)
        return made[key]

    yield context
    for each in made.values():
        each.close()


def sign_in(context: BrowserContext, who: User, origin: str) -> None:
    """Without the form, which has a test of its own."""
    client = Client()
    client.force_login(who)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": origin}])


@pytest.fixture
def open_page(contexts: Callable[[User | None], BrowserContext]) -> Iterator[Open]:
    """Opens a page for somebody or nobody, and waits until it is live."""
    pages = []

    def open_page(path: str = "/", who: User | None = None) -> Page:
        page = contexts(who).new_page()
        pages.append(page)
        page.goto(path)
        page.wait_for_selector("live-status[state=live]")
        return page

    yield open_page
    for page in pages:
        leave(page)
        page.close()


def leave(page: Page) -> None:
    """To nowhere: a close that meets a navigation is acknowledged and forgotten (crbug.com/536385539).

    A form that was sent may be on its way to the next page still, and has to arrive first.
    """
    for _ in range(10):
        try:
            page.goto("about:blank")
            return
        except Error as error:
            if "interrupted by another navigation" not in str(error):
                raise
            page.wait_for_load_state()
    raise AssertionError(f"{page.url} goes on and on.")


@pytest.fixture
def behind(chromium: Browser, edge: Edge) -> Iterator[Behind]:
    """Opens a page behind a wire of some manner. `clock`: one that the test can move, and where it begins."""
    with ExitStack() as ends:

        def behind(
            path: str = "/", who: User | None = None, clock: float | None = None, **manner: object
        ) -> tuple[Wire, Page]:
            wire = ends.enter_context(Wire(edge.port, **manner))
            context = ends.enter_context(chromium.new_context(base_url=wire.origin))
            if who:
                sign_in(context, who, wire.origin)
            page = context.new_page()
            if clock is not None:
                page.clock.install(time=clock)
            page.goto(path, wait_until="commit")
            page.evaluate("window.sameDocument = true")
            return wire, page

        yield behind
