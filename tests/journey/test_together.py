"""People who write see each other: who is there, and whose text is not saved."""

import pytest
from playwright.sync_api import Page, expect

from blog.models import User
from tests import cast

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def ben(database) -> User:
    return User.objects.filter(username="ben").first() or cast.ben()


@pytest.fixture
def opened(behind):
    """Opens a live page for somebody who has signed in just now."""

    def opened(path: str, who: User | None = None) -> Page:
        _, page = behind(path, who)
        page.wait_for_selector("live-status[state=live]")
        return page

    return opened


def people(page: Page):
    return page.locator("press-people li")


def test_ada_sees_that_ben_is_editing_the_same_post_until_he_has_saved(opened, ada, ben):
    post = cast.a_post(ada, "The pier")
    desk, adas = opened("/desk/", ada), opened(f"/post/{post.pk}/edit/", ada)
    expect(people(adas)).to_have_count(0)  # herself on two pages
    bens = opened(f"/post/{post.pk}/edit/", ben)
    expect(people(adas)).to_have_text("ben is looking at this")
    expect(people(bens)).to_have_text("ada is looking at this")
    expect(people(desk)).to_have_text("ben")

    bens.locator("[name=text]").press_sequentially("It moved.")
    expect(people(adas)).to_have_text("ben is editing this")
    expect(people(desk)).to_have_text("ben (writing)")
    assert len(bens.workers) == 1
    bens.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")
    expect(people(adas)).to_have_text("ben is editing this (unsaved)")
    expect(people(desk)).to_have_text("ben (unsaved text)")

    bens.get_by_role("button", name="Update").click()
    expect(people(adas)).to_have_text("ben is looking at this")  # the post, where his form led him
    bens.goto("/books/")
    expect(people(adas)).to_have_count(0)


def test_nobody_is_named_to_who_only_reads(opened, ada):
    post = cast.a_post(ada, "The pier")
    opened(f"/post/{post.pk}/edit/", ada)
    page = opened(f"/post/{post.pk}/")
    expect(page.locator("[data-readers]")).to_have_text("2 reading")
    assert page.locator("press-people").count() == 0
