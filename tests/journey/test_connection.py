"""Whatever stands between a reader and the site, whatever sleeps: an open page ends up as a fresh one."""

import logging
import os
import time
from contextlib import closing

import pytest
from playwright.sync_api import WebSocket, expect

from blog.models import Post
from tests.conftest import CHROMIUM_FLAGS
from tests.journey.law import caught_up
from tests.journey.meanwhile import heading, much_happens, publish
from tests.waiting import promptly, until

pytestmark = pytest.mark.usefixtures("database")

CUT = float(os.environ.get("JOURNEY_CUT", "1.5"))  # seconds that a proxy lets a connection last
IDS = "[...document.querySelectorAll('[role=feed] > *')].map(each => each.id)"
logger = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def _empty(database) -> None:
    Post.objects.all().delete()


@pytest.mark.parametrize(
    "manner",
    [
        {},
        {"upgrades": "refuse"},
        {"upgrades": "swallow"},
        {"buffers": True, "upgrades": "refuse"},
        {"buffers": True, "upgrades": "swallow"},
        {"cuts_after": CUT},
    ],
    ids=str,
)
def test_behind_any_proxy_what_happens_shows_within_five_seconds_of_load(behind, ada, manner):
    """Something happens every tenth of a second: from the page's request until the first of it shows."""

    def attempt() -> float:
        began = time.monotonic()
        _, page = behind(**manner)
        page.wait_for_load_state()
        here = set(page.evaluate(IDS))

        def shows_something_new() -> bool:
            publish(ada, f"At {time.monotonic()}")
            time.sleep(0.1)
            return not here >= set(page.evaluate(IDS))

        until(shows_something_new)
        took = time.monotonic() - began
        logger.info("The first event showed %.2f s after the request", took)
        return took

    promptly(5, attempt)


@pytest.mark.parametrize("upgrades", ["refuse", "swallow"])
def test_where_sockets_are_blocked_a_page_lives_by_a_stream(behind, ada, upgrades):
    _, page = behind(upgrades=upgrades)
    page.wait_for_selector("live-status[state=live]")
    title = f"By a stream, {upgrades}"
    publish(ada, title)
    expect(heading(page, title)).to_have_count(1)


def test_where_streams_are_kept_back_too_it_polls_and_says_so_and_goes_back_up(behind, ada):
    wire, page = behind(clock=time.time(), upgrades="refuse", buffers=True)
    publish(ada, "By a poll")
    expect(heading(page, "By a poll")).to_have_count(1)
    page.wait_for_selector("live-status[state=delayed]")
    wire.upgrades = "pass"
    with caught_up(page):
        page.clock.fast_forward(61_000)
        publish(ada, "By the socket again")
    page.wait_for_selector("live-status[state=live]")


def test_where_connections_are_cut_again_and_again_nothing_shows(behind, ada):
    _, page = behind(cuts_after=CUT)
    page.wait_for_selector("live-status[state=live]")
    page.evaluate("""window.states = [];
        new MutationObserver(() => window.states.push(document.querySelector("live-status").getAttribute("state")))
            .observe(document.querySelector("live-status"), { attributeFilter: ["state"] })""")
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    with caught_up(page):
        while len(sockets) < 2:
            title = f"After {len(sockets)} cuts, {time.monotonic()}"
            publish(ada, title)
            expect(heading(page, title)).to_have_count(1)
            page.wait_for_timeout(CUT * 100)
    assert page.evaluate("window.states") == []


def test_a_page_that_was_frozen_catches_up(open_page, ada):
    """The events only: a Chromium without a screen freezes no page, whatever DevTools are told."""
    page = open_page("/")
    page.evaluate("window.sameDocument = true; document.dispatchEvent(new Event('freeze'))")
    much_happens(ada, "while it was frozen")
    assert heading(page, "Corrected while it was frozen").count() == 0
    with caught_up(page):
        page.evaluate("document.dispatchEvent(new Event('resume'))")


def test_an_hour_without_a_network_is_said_with_the_time_and_caught_up(behind, ada):
    wire, page = behind()
    page.wait_for_selector("live-status[state=live]")
    page.context.set_offline(True)
    wire.cut()
    page.wait_for_selector("live-status[state=offline]")
    assert page.locator("live-status time").get_attribute("datetime")
    much_happens(ada, "without a network")
    wire.mend()
    with caught_up(page):
        page.context.set_offline(False)
    page.wait_for_selector("live-status[state=live]")


def test_on_the_way_back_a_page_goes_on_from_where_it_stood(chromium, edge, ada):
    kept = chromium.browser_type.launch(
        executable_path=os.environ["CHROMIUM"],
        args=CHROMIUM_FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    with closing(kept):
        page = kept.new_page(base_url=edge.origin)
        page.goto("/")
        page.wait_for_selector("live-status[state=live]")
        page.evaluate("window.sameDocument = true")
        page.goto("/books/")
        much_happens(ada, "on another page")
        with caught_up(page):
            page.go_back(wait_until="commit")


def test_paused_nothing_moves_and_then_what_was_held_shows(open_page, ada):
    page = open_page("/")
    page.evaluate("window.sameDocument = true")
    page.keyboard.press("p")
    page.wait_for_selector("live-status[state=paused]")
    publish(ada, "Held")
    expect(page.locator("[data-waiting]")).to_have_text("1 waiting")
    assert heading(page, "Held").count() == 0
    with caught_up(page):
        page.get_by_role("button", name="Resume").click()
    expect(heading(page, "Held")).to_have_count(1)
    page.wait_for_selector("live-status[state=live]")
