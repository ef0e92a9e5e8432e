"""Measures changes of many objects in one transaction: seconds until the commit, and queries.

    python -m bench.scenarios.relations [--rounds 3]

Each change takes turns with the same change without announcing, where the changes are not recorded: the rest is
Django's own cost. Every change begins with rows of its own, and an edge has to keep up with the events.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from statistics import median
from typing import Any, NamedTuple

from bench.systems.backing_services import BackingServices
from bench.systems.ours import unpinned_edge
from bench.systems.processes import wait_until
from realtime import memory

MANY_ROWS, MOST_ROWS = 2_000, 10_000
Change = Callable[[], object]

numbers = count(1)


class Cost(NamedTuple):
    """What one transaction cost, COMMIT included."""

    seconds: float
    queries: int


def add_books(books: int) -> Change:
    author, many = _authors(1)[0], _books(books)
    return lambda: author.books.add(*many)


def add_books_one_by_one() -> Change:
    author, many = _authors(1)[0], _books(MANY_ROWS)

    def change() -> None:
        for book in many:
            author.books.add(book)

    return change


def add_authors() -> Change:
    (book,), many = _books(1), _authors(MOST_ROWS)
    return lambda: book.authors.add(*many)


def create_posts() -> Change:
    from django.utils import timezone

    from blog.models import Author, Post, User

    name = f"writer {next(numbers)}"
    author, now = User.objects.create(username=name), timezone.now()
    byline = Author.objects.create(name=name, user=author)
    posts = [
        Post(title=name, text=f"*{n}* of {name}", author=author, byline=byline, state="published", published_date=now)
        for n in range(MOST_ROWS)
    ]
    return lambda: Post.objects.bulk_create(posts)


CHANGES: Mapping[str, Callable[[], Change]] = {
    f"author.books.add({MANY_ROWS:,} books)": lambda: add_books(MANY_ROWS),
    f"{MANY_ROWS:,} single add()": add_books_one_by_one,
    f"author.books.add({MOST_ROWS:,} books)": lambda: add_books(MOST_ROWS),
    f"book.authors.add({MOST_ROWS:,} authors)": add_authors,
    f"Post.objects.bulk_create({MOST_ROWS:,} posts)": create_posts,
}
ADD, SINGLE_ADDS, *_ = CHANGES


def _books(many: int) -> list[Any]:
    from blog.models import Book

    first = next(numbers)
    return Book.objects.bulk_create([Book(title=f"{n}", slug=f"book-{first}-{n}") for n in range(many)])


def _authors(many: int) -> list[Any]:
    from blog.models import Author

    first = next(numbers)
    return Author.objects.bulk_create([Author(name=f"author {first}-{n}") for n in range(many)])


def cost(change: Change) -> Cost:
    """Makes a change in a transaction and returns its cost."""
    from django.db import connection, transaction

    queries = 0

    def counting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal queries
        queries += 1
        return execute(sql, params, many, context)

    began = time.perf_counter()
    with connection.execute_wrapper(counting), transaction.atomic():
        change()
    return Cost(time.perf_counter() - began, queries)


@contextmanager
def unannounced() -> Iterator[None]:
    """Disconnects what notes the rows that are made."""
    from django.db.models.signals import m2m_changed

    from realtime.live.announced import bulk_made

    kept = [(signal, signal.receivers) for signal in (m2m_changed, bulk_made)]
    for signal, _ in kept:
        signal.receivers = []
        signal.sender_receivers_cache.clear()
    try:
        yield
    finally:
        for signal, receivers in kept:
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()


def measure(rounds: int) -> dict[str, list[tuple[Cost, Cost]]]:
    """Returns the costs of each change and round: announced, and without announcing."""
    costs: dict[str, list[tuple[Cost, Cost]]] = {name: [] for name in CHANGES}
    for _ in range(rounds):
        for name, prepare in CHANGES.items():
            change = prepare()
            _wait_for_hub()
            announced = cost(change)
            change = prepare()
            _wait_for_hub()
            with unannounced():
                costs[name].append((announced, cost(change)))
    return costs


def _wait_for_hub() -> None:
    """Waits until the hub has sequenced all announced changes, which would disturb the next measurement."""
    from django.db import connection

    def is_empty() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOT EXISTS (SELECT FROM realtime_pending)")
            return bool(cursor.fetchone()[0])

    wait_until(is_empty, "the hub's end with what is pending")


def table(costs: Mapping[str, Sequence[tuple[Cost, Cost]]]) -> Iterator[str]:
    yield "| in one transaction | seconds | queries | unannounced, s | queries | of each round, s |"
    yield "|---|---|---|---|---|---|"
    for name, rounds in costs.items():
        seconds = [median(pair[which].seconds for pair in rounds) for which in (0, 1)]
        queries = [pair.queries for pair in rounds[-1]]
        each = " ".join(f"{announced.seconds:.2f}" for announced, _ in rounds)
        yield f"| {name} | {seconds[0]:.2f} | {queries[0]:,} | {seconds[1]:.2f} | {queries[1]:,} | {each} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.relations")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with BackingServices() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        memory.freeze()  # as edges and workers do
        with unpinned_edge(services):
            costs = measure(options.rounds)
    print("\n".join(table(costs)))


if __name__ == "__main__":
    main()
