"""Whatever stands between a reader and the site, whatever sleeps: an open page ends up as a fresh one."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect

from blog.models import Post, User
from tests import cast
from tests.conftest import CHROMIUM_FLAGS
from tests.journey.law import SAME, difference
from tests.journey.wire import Wire
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("database")

Bad = Callable[..., tuple[Wire, Page]]


@pytest.fixture
def ada(database) -> User:
    return User.objects.filter(username="ada").first() or cast.ada()


@pytest.fixture(autouse=True)
def _empty(database) -> None:
    """A page that is full and loses an entry shows one less than a fresh one: not what is asked here."""
    Post.objects.all().delete()


@pytest.fixture
def behind(chromium: Browser, edge) -> Iterator[Bad]:
    """Opens the front page behind a wire of some manner; `clock`: with a clock that the test can move."""
    with ExitStack() as ends:

        def behind(clock: bool = False, **manner: object) -> tuple[Wire, Page]:
            wire = ends.enter_context(Wire(edge.port, **manner))
            page = ends.enter_context(chromium.new_context(base_url=wire.origin)).new_page()
            if clock:
                page.clock.install()
            page.goto("/", wait_until="commit")
            page.evaluate("window.sameDocument = true")
            return wire, page

        yield behind


def publish(ada: User, title: str) -> Post:
    post = cast.a_post(ada, title, published_date=None)
    post.publish()
    return post


def heading(page: Page, title: str):
    return page.get_by_role("feed").get_by_role("heading", name=title, exact=True)


def much_happens(ada: User, when: str) -> None:
    """Something of everything: new, edited, withdrawn, liked."""
    edited, gone, liked = (publish(ada, f"Written {when} {number}") for number in range(3))
    edited.title = f"Corrected {when}"
    edited.save()
    gone.withdraw("Wrong pier")
    liked.liked_by.add(ada)


@contextmanager
def caught_up(page: Page, seconds: float = 3) -> Iterator[None]:
    """After the block the page is soon as a fresh one, nothing twice, and was not navigated."""
    yield
    try:
        until(lambda: page.evaluate(SAME), seconds)  # from here: the page's own clock may not be one
    except AssertionError:
        raise AssertionError(difference(*page.evaluate("window.difference"))) from None
    assert page.evaluate("window.sameDocument"), "the page was navigated"


@pytest.mark.parametrize("upgrades", ["refuse", "swallow"])
def test_where_sockets_are_blocked_a_page_lives_by_a_stream(behind, ada, upgrades):
    began = time.monotonic()
    _, page = behind(upgrades=upgrades)
    page.wait_for_selector("live-status[state=live]", timeout=5_000)
    assert time.monotonic() - began < 5
    title = f"By a stream, {upgrades}"
    publish(ada, title)
    expect(heading(page, title)).to_have_count(1, timeout=2_000)


def test_where_streams_are_kept_back_too_it_polls_and_says_so_and_goes_back_up(behind, ada):
    wire, page = behind(clock=True, upgrades="refuse", buffers=True)
    publish(ada, "By a poll")
    expect(heading(page, "By a poll")).to_have_count(1, timeout=5_000)
    page.wait_for_selector("live-status[state=delayed]", timeout=10_000)
    wire.upgrades = "pass"
    with caught_up(page):
        page.clock.fast_forward(61_000)
        publish(ada, "By the socket again")
    page.wait_for_selector("live-status[state=live]", timeout=5_000)


def test_where_connections_are_cut_again_and_again_nothing_shows(behind, ada):
    _, page = behind(cuts_after=1.5)
    page.wait_for_selector("live-status[state=live]", timeout=5_000)
    page.evaluate("""window.states = [];
        new MutationObserver(() => window.states.push(document.querySelector("live-status").getAttribute("state")))
            .observe(document.querySelector("live-status"), { attributeFilter: ["state"] })""")
    sockets: list[WebSocket] = []
    page.on("websocket", lambda socket: sockets.append(socket))
    with caught_up(page):
        while len(sockets) < 2:
            title = f"After {len(sockets)} cuts, {time.monotonic()}"
            publish(ada, title)
            expect(heading(page, title)).to_have_count(1, timeout=4_000)
    assert page.evaluate("window.states") == []


def test_a_page_that_was_frozen_catches_up(open_page, ada):
    """The events only: a Chromium without a screen freezes no page, whatever DevTools are told."""
    page = open_page("/")
    page.evaluate("window.sameDocument = true; document.dispatchEvent(new Event('freeze'))")
    much_happens(ada, "while it was frozen")
    assert heading(page, "Corrected while it was frozen").count() == 0
    with caught_up(page):
        page.evaluate("document.dispatchEvent(new Event('resume'))")


def test_a_laptop_that_slept_for_ten_minutes_catches_up(behind, ada):
    wire, page = behind(clock=True)
    page.wait_for_selector("live-status[state=live]")
    wire.lose()
    much_happens(ada, "while it slept")
    assert heading(page, "Corrected while it slept").count() == 0
    with caught_up(page):
        page.clock.fast_forward(600_000)


def test_an_hour_without_a_network_is_said_with_the_time_and_caught_up(behind, ada):
    wire, page = behind()
    page.wait_for_selector("live-status[state=live]")
    page.context.set_offline(True)
    wire.cut()
    page.wait_for_selector("live-status[state=offline]", timeout=8_000)
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
