"""What was missed and cannot be told any more: a gap that is said, and closed when the reader wants."""

import re

import pytest
from playwright.sync_api import Page, expect

from blog.models import Post
from realtime import retention
from tests import cast
from tests.journey.law import caught_up
from tests.journey.meanwhile import heading, publish

pytestmark = pytest.mark.usefixtures("database")

MISSED = re.compile(r"You missed at least (\d+) posts or changes\.")


@pytest.fixture(autouse=True)
def _empty(database) -> None:
    Post.objects.all().delete()


def place_of(page: Page, title: str) -> float:
    return heading(page, title).bounding_box()["y"]


def ids(page: Page) -> list[str]:
    return page.evaluate("[...document.querySelector('[role=feed]').children].map(each => each.id)")


@pytest.fixture
def away(behind, start_edge, ada):
    """Three readers: one at the top, two further down. They come back to an edge that has no past."""
    cast.posts(ada, 60)
    Post.objects.filter(title="Post 40").update(text="It held.\n\n" * 30)
    wire, top = behind()
    further = [top.context.new_page() for _ in range(2)]
    for page in further:
        page.goto("/")
    for page in (top, *further):
        page.wait_for_selector("live-status[state=live]")
        page.evaluate("window.sameDocument = true")
    for page in further:
        heading(page, "Post 40").evaluate("heading => scrollTo(0, heading.getBoundingClientRect().top + scrollY - 40)")
    wire.cut()
    for number in range(30):
        publish(ada, f"Missed {number}")
    for title, change in (("Post 45", "Corrected"), ("Post 55", None)):
        post = Post.objects.get(title=title)
        post.title = change or title
        post.save() if change else post.withdraw("Wrong pier")
    retention.trim(rows=20)
    places = [place_of(page, "Post 40") for page in further]
    wire.leads_to(start_edge().port)
    wire.mend()
    for page in (top, *further):
        page.evaluate("dispatchEvent(new Event('online'))")  # as a browser says when its network is back
    return top, *further, *places


def test_a_gap_is_said_and_closed_by_who_reads(away):
    top, loads, jumps, *places = away
    with caught_up(top, seconds=90):  # the longer it was cut, the longer it waits: half a minute at most
        pass
    expect(top.locator("press-gap [role=status]")).to_have_text(
        re.compile(MISSED.pattern + " This page shows the newest.")
    )
    expect(top.get_by_role("button", name="Load")).to_be_hidden()

    for page, place in zip((loads, jumps), places, strict=True):
        row = page.locator("press-gap [role=status]")
        expect(row).to_have_text(MISSED, timeout=90_000)
        assert int(MISSED.fullmatch(row.inner_text()).group(1)) >= 10
        expect(heading(page, "Corrected")).to_have_count(1)
        assert heading(page, "Post 55").count() == heading(page, "Missed 29").count() == 0
        assert abs(place_of(page, "Post 40") - place) <= 1

    loads.get_by_role("button", name="Load").click()
    expect(heading(loads, "Missed 0")).to_have_count(1)
    assert abs(place_of(loads, "Post 40") - places[0]) <= 1
    expect(loads.locator("press-gap [role=status]")).to_be_empty()
    assert ids(loads)[:50] == ids(top)
    assert len(set(ids(loads))) == len(ids(loads))

    with caught_up(jumps):
        jumps.get_by_role("button", name="Jump to newest").click()
    expect(heading(jumps, "Missed 29").get_by_role("link")).to_be_focused()
    for page in (loads, jumps):
        assert page.evaluate("window.sameDocument")
