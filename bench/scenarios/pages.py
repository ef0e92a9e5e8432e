"""Measures the front page with 50 posts, against a plain Django view of the same page.

    python -m bench.scenarios.pages [--requests 40] [--rounds 3]

Both render the same template in one process, through Django's handler, for an anonymous visitor. The plain view reads
rows by the ORM, has no position, no versions and no states, caches nothing between requests, and has the middleware
of a new Django project. Ours is measured twice: as it is, and without cached fragments, which is what it costs when
every post of the page has just changed.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from statistics import median
from types import SimpleNamespace
from typing import Any

from bench.systems.backing_services import BackingServices

POSTS, POSTS_OF_A_PAGE = 200, 50
MIDDLEWARE = [
    f"django.{name}"
    for name in (
        "middleware.security.SecurityMiddleware",
        "contrib.sessions.middleware.SessionMiddleware",
        "middleware.common.CommonMiddleware",
        "middleware.csrf.CsrfViewMiddleware",
        "contrib.auth.middleware.AuthenticationMiddleware",
        "contrib.messages.middleware.MessageMiddleware",
        "middleware.clickjacking.XFrameOptionsMiddleware",
    )
]
TEXT = (
    """The ferry **{number}** left at noon. It was [late](https://example.org) by ten minutes.

- one
- two

"""
    + 20 * "It held all night. "
)


def plain(request: Any) -> Any:
    """The view that a Django project without live pages would have."""
    from django.db.models import Count
    from django.shortcuts import render

    from blog.models import Post, Publication

    rows = Post.objects.filter(state="published").select_related("byline", "book").prefetch_related("tags")
    newest = list(rows.annotate(likes=Count("liked_by")).order_by("-published_date", "-pk")[: POSTS_OF_A_PAGE + 1])
    filters = SimpleNamespace(tag=None, author=None, topic="front")
    context = {
        "posts": [_as_shown(post) for post in newest[:POSTS_OF_A_PAGE]],
        "total": rows.count(),
        "older": "?older=" if len(newest) > POSTS_OF_A_PAGE else "",
        "newer": "",
        "filters": filters,
        "publication": Publication.objects.first() or Publication(),
        "rights": "",
    }
    return render(request, "blog/post_list.html", context)


def _as_shown(post: Any) -> SimpleNamespace:
    """Returns a post with the attributes that the template uses, some of which the model names otherwise."""
    from blog.text.markdown import render

    def named(row: Any, **names: Any) -> SimpleNamespace:
        return SimpleNamespace(id=row.pk, url=row.get_absolute_url(), **names)

    return SimpleNamespace(
        **{name: getattr(post, name) for name in ("title", "published_date", "urgent", "key_event", "pinned", "likes")},
        id=post.pk,
        url=post.get_absolute_url(),
        body=render(post.text),
        version=0,
        author=named(post.byline, name=post.byline.name),
        book=named(post.book, title=post.book.title) if post.book else None,
        tags=[named(tag, name=tag.name, slug=tag.slug) for tag in post.tags.all()],
    )


def fill() -> None:
    """Creates posts with tags, likes and books."""
    from django.utils import timezone

    from blog.models import Book, Post, Tag, User

    ada = User.objects.create(username="ada")
    readers = [User.objects.create(username=f"reader {number}") for number in range(5)]
    tags = [Tag.objects.create(name=f"tag {number}") for number in range(10)]
    book = Book.objects.create(title="Harbour")
    for number in range(POSTS):
        post = Post.objects.create(
            author=ada,
            title=f"Post {number}",
            text=TEXT.format(number=number),
            state="published",
            published_date=timezone.now() - timedelta(minutes=number),
            book=book if number % 3 == 0 else None,
        )
        post.tags.set(tags[number % 8 :][:2])
        post.liked_by.set(readers[: number % 5])


def views() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yields the name and the request of each of the three, by a client that keeps its cookies."""
    from django.test import Client, override_settings

    from frontend.templatetags import fragments

    cached: Any = fragments._rendered

    def client(address: str, caches: bool, **settings: Any) -> Callable[[], Any]:
        own = Client()

        def get() -> Any:
            fragments._rendered = cached if caches else cached.__wrapped__
            with override_settings(**settings):
                response = own.get(address)
            fragments._rendered = cached
            assert response.status_code == 200, response.status_code
            return response

        return get

    urls = {"ROOT_URLCONF": "bench.scenarios.page_urls"}
    yield "plain Django", client("/plain/", False, MIDDLEWARE=MIDDLEWARE, **urls)
    yield "ours, nothing kept", client("/", False)
    yield "ours", client("/", True)


def measure(requests: int, rounds: int) -> Iterator[str]:
    """Yields a table with the processor time of each view."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    requested = dict(views())
    costs: dict[str, list[float]] = {name: [] for name in requested}
    for _ in range(rounds):
        for name, get in requested.items():
            get()
            began = time.process_time()
            for _ in range(requests):
                get()
            costs[name].append(1000 * (time.process_time() - began) / requests)
    yield "| page | bytes | queries | CPU ms | to plain |"
    yield "|---|---|---|---|---|"
    for name, get in requested.items():
        with CaptureQueriesContext(connection) as queries:
            size = len(get().content)
        ratio = median(cost / plain_cost for cost, plain_cost in zip(costs[name], costs["plain Django"], strict=True))
        yield f"| {name} | {size:,} | {len(queries)} | {median(costs[name]):.1f} | {ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.pages")
    parser.add_argument("--requests", type=int, default=40, help="of each page and round")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with BackingServices() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        from django.core.management import call_command
        from django.test.utils import setup_test_environment

        setup_test_environment()
        call_command("assets", verbosity=0)
        fill()
        print("\n".join(measure(options.requests, options.rounds)))


if __name__ == "__main__":
    main()
