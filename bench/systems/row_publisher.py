"""Publishes to this project as an author does: saves rows, each in a transaction, and does nothing else.

A command "FIRST COUNT GAP [one-commit|warm]" saves COUNT new bylines, one every GAP seconds, or as fast as they are
committed where GAP is 0. With `one-commit` all are saved in one transaction; with `warm` each is saved right after a
draft, of which no reader hears. The answer has the seconds that it took, the moments before each save and after its
commit, the processor time that this process had used at each save, and the processor time that it used in all.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from functools import cache

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
django.setup()

from django.db import Error, connection, transaction  # noqa: E402

from blog.models import Author, Post, User  # noqa: E402

RETRY_SECONDS = 0.2  # between two attempts while the database is away
SETTLE_SECONDS = 0.01  # in which an edge handles the event of a draft that no reader follows
NAME_LENGTH = 100  # with it an event on the wire has about 300 bytes, like those of the other systems


@dataclass
class Timings:
    """When each row was saved: nanoseconds of the monotonic clock; `used` is seconds of processor time."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    used: list[float] = field(default_factory=list)

    def save(self, number: int) -> None:
        self.used.append(time.process_time())
        self.starts.append(time.monotonic_ns())
        save(number)
        self.ends.append(time.monotonic_ns())


def name_of(number: int) -> str:
    """Returns a name with the mark ~number~nanoseconds~ by which the load generator counts and times events."""
    return f"~{number}~{time.monotonic_ns()}~".ljust(NAME_LENGTH, "x")


def save(number: int) -> None:
    """Saves a new byline: each event has a key of its own, so recovery compacts none of them away."""
    name = name_of(number)
    try:
        Author(name=name).save()
    except Error:
        save_again(name)


def save_again(name: str) -> None:
    """Retries until the row exists; after a lost connection it may exist already, if only the answer was lost."""
    while True:
        time.sleep(RETRY_SECONDS)
        try:
            connection.close()
            if not Author.objects.filter(name=name).exists():
                Author(name=name).save()
            return
        except Error:
            continue


def one_by_one(first: int, count: int, gap: float) -> Timings:
    """Saves each row in a transaction of its own, one every `gap` seconds."""
    began, timings = time.monotonic(), Timings()
    for done in range(count):
        if gap:
            time.sleep(max(0.0, began + done * gap - time.monotonic()))
        timings.save(first + done)
    return timings


def one_commit(first: int, count: int, gap: float) -> Timings:
    """Saves all rows in one transaction."""
    start = time.monotonic_ns()
    with transaction.atomic():
        for number in range(first, first + count):
            Author(name=name_of(number)).save()
    return Timings([start] * count, [time.monotonic_ns()] * count)


def warm(first: int, count: int, gap: float) -> Timings:
    """Saves a draft before each row, so that what a commit needs is in the processor's caches.

    After each row it waits for another line of input, which is sent once all readers have the event: by then the
    publishing process has rung the bell too, and the last value of `used` includes that.
    """
    timings = Timings()
    for number in range(first, first + count):
        draft().save()
        time.sleep(SETTLE_SECONDS)
        timings.save(number)
        sys.stdin.readline()
        timings.used.append(time.process_time())
    return timings


@cache
def draft() -> Post:
    writer, _ = User.objects.get_or_create(username="writer")
    return Post.objects.create(author=writer, title="Not yet", text="Nobody reads this.", state="draft")


MODES = {"one-commit": one_commit, "warm": warm}


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        first, count, gap, *mode = line.split()
        cpu, began = time.process_time(), time.monotonic()
        timings = (MODES[mode[0]] if mode else one_by_one)(int(first), int(count), float(gap))
        took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu}
        print(json.dumps({**took, **asdict(timings)}), flush=True)


if __name__ == "__main__":
    main()
