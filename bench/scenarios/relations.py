"""Many objects changed in one transaction: seconds until it is committed, and queries.

    python -m bench.scenarios.relations [--rounds 3]

Each way in turns with the same unannounced, where nobody marks what changed: what is left is Django's own.
Every way begins with rows of its own, and an edge has to keep up with what they announce.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from statistics import median
from typing import Any, NamedTuple

from bench.systems.ours import Services, idle_edge
from bench.systems.processes import until
from realtime import memory

MANY, MOST = 2_000, 10_000
Act = Callable[[], object]

numbers = count(1)


class Cost(NamedTuple):
    """Of one transaction, COMMIT included."""

    seconds: float
    queries: int


def joins_books(books: int) -> Act:
    author, many = _authors(1)[0], _books(books)
    return lambda: author.books.add(*many)


def joins_one_by_one() -> Act:
    author, many = _authors(1)[0], _books(MANY)

    def act() -> None:
        for book in many:
            author.books.add(book)

    return act


def authors_join() -> Act:
    (book,), many = _books(1), _authors(MOST)
    return lambda: book.authors.add(*many)


def posts_are_made() -> Act:
    from django.utils import timezone

    from blog.models import Author, Post, User

    name = f"writer {next(numbers)}"
    author, now = User.objects.create(username=name), timezone.now()
    byline = Author.objects.create(name=name, user=author)
    posts = [
        Post(title=name, text=f"*{n}* of {name}", author=author, byline=byline, state="published", published_date=now)
        for n in range(MOST)
    ]
    return lambda: Post.objects.bulk_create(posts)


WAYS: Mapping[str, Callable[[], Act]] = {
    f"author.books.add({MANY:,} books)": lambda: joins_books(MANY),
    f"{MANY:,} single add()": joins_one_by_one,
    f"author.books.add({MOST:,} books)": lambda: joins_books(MOST),
    f"book.authors.add({MOST:,} authors)": authors_join,
    f"Post.objects.bulk_create({MOST:,} posts)": posts_are_made,
}
ADD, SINGLE, *_ = WAYS


def _books(many: int) -> list[Any]:
    from blog.models import Book

    first = next(numbers)
    return Book.objects.bulk_create([Book(title=f"{n}", slug=f"book-{first}-{n}") for n in range(many)])


def _authors(many: int) -> list[Any]:
    from blog.models import Author

    first = next(numbers)
    return Author.objects.bulk_create([Author(name=f"author {first}-{n}") for n in range(many)])


def cost(act: Act) -> Cost:
    from django.db import connection, transaction

    asked = 0

    def counting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(sql, params, many, context)

    began = time.perf_counter()
    with connection.execute_wrapper(counting), transaction.atomic():
        act()
    return Cost(time.perf_counter() - began, asked)


@contextmanager
def unannounced() -> Iterator[None]:
    """Nobody marks what is made."""
    from blog.announced import bulk_made

    kept = bulk_made.receivers
    bulk_made.receivers = []
    bulk_made.sender_receivers_cache.clear()
    try:
        yield
    finally:
        bulk_made.receivers = kept
        bulk_made.sender_receivers_cache.clear()


def measure(rounds: int) -> dict[str, list[tuple[Cost, Cost]]]:
    """By way, of each round: as announced, and without."""
    costs: dict[str, list[tuple[Cost, Cost]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, prepare in WAYS.items():
            act = prepare()
            _calm()
            announced = cost(act)
            act = prepare()
            _calm()
            with unannounced():
                costs[way].append((announced, cost(act)))
    return costs


def _calm() -> None:
    """The hub has come to an end with what was announced before."""
    from django.db import connection

    def is_empty() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT NOT EXISTS (SELECT FROM realtime_pending)")
            return bool(cursor.fetchone()[0])

    until(is_empty, "the hub's end with what is pending")


def table(costs: Mapping[str, Sequence[tuple[Cost, Cost]]]) -> Iterator[str]:
    yield "| in one transaction | seconds | queries | unannounced, s | queries | of each round, s |"
    yield "|---|---|---|---|---|---|"
    for way, rounds in costs.items():
        seconds = [median(pair[which].seconds for pair in rounds) for which in (0, 1)]
        queries = [pair.queries for pair in rounds[-1]]
        each = " ".join(f"{announced.seconds:.2f}" for announced, _ in rounds)
        yield f"| {way} | {seconds[0]:.2f} | {queries[0]:,} | {seconds[1]:.2f} | {queries[1]:,} | {each} |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scenarios.relations")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Services() as services:
        os.environ.update(services.environment)
        import django

        django.setup()
        memory.settle()  # as edges and workers do
        with idle_edge(services):
            costs = measure(options.rounds)
    print("\n".join(table(costs)))


if __name__ == "__main__":
    main()
