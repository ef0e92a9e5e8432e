"""A laptop sleeps for ten minutes: its timers stand still, its network is gone, and the newsroom goes on."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Error, Page, Route

from blog.models import Post, User
from realtime import tickets
from tests.journey.law import caught_up
from tests.journey.meanwhile import fifty_things_happen, heading
from tests.journey.wire import Wire
from tests.tail import captured_events
from tests.waiting import promptly, until

pytestmark = pytest.mark.usefixtures("database")

ASLEEP = 600  # seconds
SOON = 3  # seconds after which a page that wakes is a fresh one
logger = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _empty(database) -> None:
    Post.objects.all().delete()


@pytest.fixture
def opened(behind) -> Callable[..., tuple[Wire, Page]]:
    """Opens a page ten minutes ago by its own clock, so that the clock is right when it wakes."""

    def opened(path: str = "/", who: User | None = None, life: float | None = None) -> tuple[Wire, Page]:
        wire, page = behind(path, who, clock=time.time() - ASLEEP)
        if life is not None:
            page.route(f"**{path}", lambda route: end_soon(route, life))
            page.goto(path)
            page.unroute(f"**{path}")
        page.evaluate("window.sameDocument = true")
        page.wait_for_selector("live-status[state=live]")
        return wire, page

    return opened


def end_soon(route: Route, life: float) -> None:
    """The page as the server makes it, but for its ticket, which the server will take for some seconds more."""
    answer = route.fetch()
    before, rest = answer.text().split('name="live-ticket" content="')
    ticket, after = rest.split('"', 1)
    reader = replace(tickets.read(ticket), expires=datetime.now(UTC) + timedelta(seconds=life))
    route.fulfill(response=answer, body=f'{before}name="live-ticket" content="{tickets.sign(reader)}"{after}')


def falls_asleep(page: Page) -> None:
    """Nothing of the page runs from here on."""
    for ahead in (0.2, 2, 20):
        try:
            return page.clock.pause_at(time.time() - ASLEEP + ahead)
        except Error:  # its clock was there before the word was
            continue
    raise AssertionError("The page's clock cannot be stopped.")


def wakes(page: Page) -> float:
    """Ten minutes later it becomes a fresh page; in so many seconds, which --log-cli-level=INFO shows."""
    began = time.monotonic()
    with caught_up(page):
        page.clock.resume()
        page.clock.fast_forward(ASLEEP * 1000)
    took = time.monotonic() - began
    logger.info("Awake and as a fresh page within %.2f s", took)
    return took


@pytest.mark.parametrize("socket", ["dead and nobody says so", "closed"])
def test_it_wakes_and_is_a_fresh_page(opened, ada, socket):

    def attempt() -> float:
        wire, page = opened()
        wire.lose() if socket != "closed" else wire.drop()
        falls_asleep(page)
        when = f"{socket} at {time.monotonic()}"
        with captured_events() as events:
            fifty_things_happen(ada, when)
        assert len(events) >= 50
        took = wakes(page)
        assert heading(page, f"Corrected {when} 1").count() == 1
        return took

    promptly(SOON, attempt)


@pytest.mark.parametrize("life", [3, 90], ids=["has ended", "is near its end"])
def test_it_wakes_and_its_ticket_has_ended_or_will(opened, ada, life):
    """The ticket of a desk: without a new one it would follow the desk no more."""

    def attempt() -> float:
        wire, page = opened("/desk/", ada, life)
        ends = time.monotonic() + life
        wire.lose()
        falls_asleep(page)
        fifty_things_happen(ada, f"for {life} s")
        until(lambda: life > 60 or time.monotonic() > ends)
        return wakes(page)

    promptly(SOON, attempt)
