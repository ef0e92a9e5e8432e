"""Who reads is somebody else now: signed out in another tab, or with fewer rights."""

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Page, expect

from blog.models import Post, User
from tests import cast

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def emma(database) -> User:
    """She writes, for a while."""
    person, _ = User.objects.get_or_create(username="emma")
    person.set_password("harbour-lights")
    person.save()
    person.user_permissions.set(Permission.objects.filter(codename__in=["add_post", "change_post", "publish_post"]))
    return person


@pytest.fixture
def draft(emma) -> Post:
    return cast.a_post(emma, "Not for everyone", state="draft", published_date=None)


@pytest.fixture
def tab(behind, emma):
    """Another page of emma's browser."""
    _, first = behind("/", emma)
    first.wait_for_selector("live-status[state=live]")

    def tab(path: str) -> Page:
        page = first.context.new_page()
        page.goto(path)
        page.wait_for_selector("live-status[state=live]")
        page.evaluate("window.sameDocument = true")
        return page

    return tab


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").first.wait_for()


def test_signed_out_in_another_tab_a_page_is_nobodys(tab, draft):
    desk, front = tab("/desk/"), tab("/")
    assert desk.get_by_text("Not for everyone").count() == 1
    sign_out(tab("/books/"))
    for page in (desk, front):
        expect(page.locator(".account")).to_have_text("Sign in")
        expect(page.locator("body")).to_have_attribute("data-rights", "")
        expect(page.get_by_role("link", name="Desk")).to_have_count(0)
        assert page.evaluate("window.sameDocument")
    assert desk.get_by_text("Not for everyone").count() == 0
    assert desk.locator("[name=username]").count() == 1
    front.wait_for_selector("live-status[state=live]")


def test_what_was_being_written_stays_and_can_be_sent_by_who_signs_in_again(tab, draft, emma):
    form = tab(f"/post/{draft.pk}/edit/")
    form.locator("[name=text]").fill("Much work.")
    other = tab("/")
    sign_out(other)
    form.get_by_text("What you wrote is still here.").wait_for()
    assert form.locator("[name=text]").input_value() == "Much work."

    other.goto("/sign-in/")
    other.locator("[name=username]").fill("emma")
    other.locator("[name=password]").fill("harbour-lights")
    other.get_by_role("main").get_by_role("button").click()
    other.locator(".account-name").wait_for()
    form.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # a tab without a screen is never hidden
    expect(form.get_by_text("What you wrote is still here.")).to_have_count(0)
    assert form.evaluate("window.sameDocument")
    form.get_by_role("button", name="Save as draft").click()
    form.get_by_text("Much work.").wait_for()
    draft.refresh_from_db()
    assert draft.text == "Much work."


def test_who_lost_a_right_sees_what_is_left_to_see(tab, draft, emma):
    desk = tab("/desk/")
    emma.user_permissions.clear()
    desk.get_by_text("This page is for people with another right than yours.").wait_for()
    assert desk.get_by_text("Not for everyone").count() == 0
    expect(desk.get_by_role("link", name="Desk")).to_have_count(0)
    expect(desk.locator(".account-name")).to_have_text("emma")
    assert desk.evaluate("window.sameDocument")
