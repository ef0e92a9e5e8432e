"""Old page + events = fresh page: for everything that is declared live, on every page that shows it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction

from blog.models import Post, Tag, User
from realtime.live import Live, declared
from tests import cast
from tests.journey.conftest import Open
from tests.journey.law import converges
from tests.journey.scenarios import SCENARIOS, Scenario, Stage
from tests.tail import captured_events

pytestmark = pytest.mark.usefixtures("database")


def lawful(live: Live) -> set[str]:
    """The kinds of a declaration that change what a page shows."""
    return {kind.name for kind in live.kinds() if kind.fragments or kind.name.endswith(".withdrawn")}


@pytest.mark.parametrize("live", declared(), ids=lambda live: live.family)
def test_everything_declared_has_its_scenarios(live: Live) -> None:
    assert lawful(live) - {kind for scenario in SCENARIOS for kind in scenario.kinds} == set()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.play.__name__)
def test_an_old_page_and_the_events_since_are_a_fresh_page(scenario: Scenario, open_page: Open, ada: User) -> None:
    told: list[str] = []
    for step in scenario.play(Stage(open_page, ada)):
        with converges(*step.pages), captured_events() as events:
            step.change()
        assert events.kinds() == step.kinds
        told += step.kinds
    assert set(scenario.kinds) <= set(told)


@pytest.fixture
def sea(database: None) -> Tag:
    return Tag.objects.get_or_create(name="Sea", slug="sea")[0]


@pytest.fixture
def full(ada, sea) -> Iterator[list[Post]]:
    """More posts than a page shows, oldest first."""
    posts = cast.posts(ada, 60)
    sea.posts.add(*posts)
    yield posts
    for post in posts:
        post.delete()


def test_a_full_list_that_loses_posts_is_filled_again_by_one_fetch(open_page, full):
    page, asked = open_page("/"), []
    page.on("request", lambda request: asked.append(request.url))
    with converges(page, open_page("/tag/sea/")):
        with transaction.atomic():  # all of it is told before the page asks
            for post in full[-10:-5]:
                post.withdraw("Wrong pier")
        filled = "last => !document.getElementById(last) && document.querySelectorAll('[role=feed] > *').length === 50"
        page.wait_for_function(filled, arg=f"post-{full[-6].pk}")
        assert asked == [page.url]


def test_a_count_knows_of_posts_that_the_page_does_not_show(open_page, full, ada, sea):
    page = open_page("/tag/sea/")
    with converges(page):
        full[0].withdraw("Wrong pier")
    with converges(page):
        sea.posts.remove(full[1])
    with converges(page), transaction.atomic():
        old = cast.a_post(ada, "Long ago", published_date=cast.NOON - timedelta(days=900))
        old.tags.add(sea)
    with converges(page):
        old.delete()
