"""A laptop sleeps for ten minutes: its timers stand still, its network is gone, and the newsroom goes on."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route

from blog.models import Post, User
from realtime import tickets
from tests.journey.law import caught_up
from tests.journey.meanwhile import fifty_things_happen, heading
from tests.journey.wire import Wire
from tests.tail import told
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("database")

ASLEEP = 600  # seconds
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
    page.clock.pause_at(time.time() - ASLEEP + 0.2)


def wakes(page: Page) -> None:
    """Ten minutes later it is soon as a fresh page. The time is said with --log-cli-level=INFO."""
    began = time.monotonic()
    with caught_up(page):
        page.clock.resume()
        page.clock.fast_forward(ASLEEP * 1000)
    took = time.monotonic() - began
    logger.info("Awake and as a fresh page within %.2f s", took)
    assert took < 3


@pytest.mark.parametrize("socket", ["dead and nobody says so", "closed"])
def test_it_wakes_and_is_a_fresh_page(opened, ada, socket):
    wire, page = opened()
    wire.lose() if socket != "closed" else wire.drop()
    falls_asleep(page)
    with told() as events:
        fifty_things_happen(ada, socket)
    assert len(events) >= 50
    wakes(page)
    assert heading(page, f"Corrected {socket} 1").count() == 1


@pytest.mark.parametrize("life", [3, 90], ids=["has ended", "is near its end"])
def test_it_wakes_and_its_ticket_has_ended_or_will(opened, ada, life):
    """The ticket of a desk: without a new one it would follow the desk no more."""
    wire, page = opened("/desk/", ada, life)
    ends = time.monotonic() + life
    wire.lose()
    falls_asleep(page)
    fifty_things_happen(ada, f"for {life} s")
    until(lambda: life > 60 or time.monotonic() > ends)
    wakes(page)
