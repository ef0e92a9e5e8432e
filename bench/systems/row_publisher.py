"""Publishes to ours, as an author does: rows are saved, a transaction each, and nothing else is done.

Told a line "FIRST COUNT GAP [once|warm]" it saves so many new bylines, one every GAP seconds or as fast as they are
committed; with `once` all in one transaction; with `warm` each after something that no reader hears of. It answers
with the seconds that took, the moments before each save and after its commit, the seconds of a core that this process
had used at each save, and those that it used in all.
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

AGAIN = 0.2  # seconds between two tries
CALM = 0.01  # seconds in which an edge looks at what it has nobody to tell of
LENGTH = 100  # of a name: with it an event on the wire has about 300 bytes, like those of the others


@dataclass
class Saved:
    """Nanoseconds of the monotonic clock; seconds of a core."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    used: list[float] = field(default_factory=list)

    def save(self, number: int) -> None:
        self.used.append(time.process_time())
        self.starts.append(time.monotonic_ns())
        save(number)
        self.ends.append(time.monotonic_ns())


def name_of(number: int) -> str:
    return f"~{number}~{time.monotonic_ns()}~".ljust(LENGTH, "x")


def save(number: int) -> None:
    """A byline of its own, so that no event stands for another in recovery."""
    name = name_of(number)
    try:
        Author(name=name).save()
    except Error:
        save_again(name)


def save_again(name: str) -> None:
    """The database went away: until the row is there. It may be already, if only the answer was lost."""
    while True:
        time.sleep(AGAIN)
        try:
            connection.close()
            if not Author.objects.filter(name=name).exists():
                Author(name=name).save()
            return
        except Error:
            continue


def one_by_one(first: int, count: int, gap: float) -> Saved:
    began, saved = time.monotonic(), Saved()
    for done in range(count):
        if gap:
            time.sleep(max(0.0, began + done * gap - time.monotonic()))
        saved.save(first + done)
    return saved


def once(first: int, count: int, gap: float) -> Saved:
    start = time.monotonic_ns()
    with transaction.atomic():
        for number in range(first, first + count):
            Author(name=name_of(number)).save()
    return Saved([start] * count, [time.monotonic_ns()] * count)


def warm(first: int, count: int, gap: float) -> Saved:
    """A draft goes before each, all the way and to nobody: what a commit needs is in the caches then.

    After each it waits for another line: when all have heard, its thread has rung the bell, too, and `used` has both.
    """
    saved = Saved()
    for number in range(first, first + count):
        draft().save()
        time.sleep(CALM)
        saved.save(number)
        sys.stdin.readline()
        saved.used.append(time.process_time())
    return saved


@cache
def draft() -> Post:
    writer, _ = User.objects.get_or_create(username="writer")
    return Post.objects.create(author=writer, title="Not yet", text="Nobody reads this.", state="draft")


WAYS = {"once": once, "warm": warm}


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        first, count, gap, *way = line.split()
        clock, began = time.process_time(), time.monotonic()
        saved = (WAYS[way[0]] if way else one_by_one)(int(first), int(count), float(gap))
        took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - clock}
        print(json.dumps({**took, **asdict(saved)}), flush=True)


if __name__ == "__main__":
    main()
