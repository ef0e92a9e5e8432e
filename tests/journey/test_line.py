"""The straight line, whole: from ada's form to cleo's page, a browser on each end."""

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from blog.models import Author, Book, Post, Tag, User
from tests import cast
from tests.journey.wire import Wire

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def ada(database) -> User:
    person = User.objects.filter(username="ada").first() or cast.ada()
    person.set_password("harbour-lights")
    person.save()
    return person


@pytest.fixture
def ben(database) -> User:
    return User.objects.filter(username="ben").first() or cast.ben()


@pytest.fixture
def cleos(open_page) -> Page:
    """Cleo's front page. It says if it is ever loaded anew."""
    page = open_page("/")
    page.evaluate("window.sameDocument = true")
    return page


def heading(page: Page, title: str):
    return page.get_by_role("feed").get_by_role("heading", name=title, exact=True)


def a_post_goes_there_and_away_again(adas: Page, cleos: Page) -> None:
    """From the form of one browser to the page of another."""
    adas.get_by_role("link", name="Sign in").click()
    adas.locator("[name=username]").fill("ada")
    adas.locator("[name=password]").fill("harbour-lights")
    with adas.expect_navigation():
        adas.get_by_role("main").get_by_role("button").click()
    adas.goto("/post/new/")
    adas.locator("[name=title]").fill("The fog lifts")
    adas.locator("[name=text]").fill("One can see the **pier**.")
    with adas.expect_navigation():
        adas.get_by_role("button", name="Publish").first.click()
    expect(heading(cleos, "The fog lifts")).to_be_visible()
    expect(cleos.get_by_role("feed").locator("strong", has_text="pier")).to_be_visible()

    post = Post.objects.get(title="The fog lifts")
    assert adas.url.endswith(post.get_absolute_url())
    adas.goto(f"/post/{post.pk}/edit/")
    adas.locator("[name=title]").fill("The fog has lifted")
    with adas.expect_navigation():
        adas.locator("button[value=publish], button[type=submit]").first.click()
    expect(heading(cleos, "The fog has lifted")).to_be_visible()
    expect(heading(cleos, "The fog lifts")).to_have_count(0)

    adas.goto(f"/post/{post.pk}/")
    with adas.expect_navigation():
        adas.locator(f"form[action='/post/{post.pk}/withdraw/']").evaluate("form => form.requestSubmit()")
    expect(heading(cleos, "The fog has lifted")).to_have_count(0)
    assert cleos.evaluate("window.sameDocument")


def test_a_post_goes_from_adas_form_to_cleos_page_and_away_again(open_page, cleos, ada):
    adas = open_page("/")
    a_post_goes_there_and_away_again(adas, cleos)
    adas.context.clear_cookies()


def test_a_tag_added_in_the_shell_shows(cleos, ada):
    post = cast.a_post(ada, "Seals on the slipway", published_date=None)
    post.publish()
    program = f"from blog.models import *; Post.objects.get(pk={post.pk}).tags.add(Tag.objects.create(name='Seals'))"
    call_command("shell", command=program, verbosity=0)
    expect(cleos.get_by_role("feed").locator("a", has_text="Seals").last).to_be_visible()
    assert Tag.objects.filter(name="Seals").exists()


def test_an_author_added_to_a_book_in_the_admin_shows(open_page, ben):
    book = Book.objects.create(title="Tide Tables")
    Author.objects.create(name="Solveig Ask")
    page = open_page(f"/book/{book.pk}/")
    admin = open_page("/", ben)
    admin.goto(f"/admin/blog/book/{book.pk}/change/")
    admin.locator("#authorship_set-0 .field-author .select2-selection").click()
    admin.locator(".select2-search__field").fill("Solveig")
    admin.get_by_role("option", name="Solveig Ask").click()
    admin.fill("[name=authorship_set-0-contribution]", "tables")
    with admin.expect_navigation():
        admin.locator("[name=_save]").click()
    expect(page.get_by_role("main").get_by_text("Solveig Ask")).to_be_visible()


def test_what_happened_while_the_network_was_cut_shows_when_it_is_back(chromium, edge, ada):
    with Wire(edge.port) as wire, chromium.new_context(base_url=wire.origin) as context:
        page = context.new_page()
        page.goto("/")
        page.wait_for_selector("live-status[state=live]")
        page.evaluate("window.sameDocument = true")
        wire.cut()
        post = cast.a_post(ada, "Written while you were away", published_date=None)
        post.publish()
        # no trouble is shown for a blip; this one lasts
        page.wait_for_selector("live-status[state=reconnecting]")
        wire.mend()
        expect(heading(page, "Written while you were away")).to_be_visible(timeout=90_000)  # it waits up to 30 s
        page.wait_for_selector("live-status[state=live]")
        assert page.evaluate("window.sameDocument")
