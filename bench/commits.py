"""Publishes to ours, as an author does: rows are saved, a transaction each, and nothing else is done.

Told a line "FIRST COUNT GAP [once]" it saves so many new bylines, one every GAP seconds or as fast as they are
committed; with `once` all in one transaction. It answers with the seconds that took, the moment after each
commit, and the seconds of a core that this process has used.
"""

import json
import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
django.setup()

from django.db import DatabaseError, connection, transaction  # noqa: E402

from blog.models import Author  # noqa: E402

AGAIN = 0.2  # seconds between two tries
LENGTH = 100  # of a name: with it an event on the wire has about 300 bytes, like those of the others


def save(number: int) -> None:
    """A byline of its own, so that no event stands for another in recovery."""
    name = f"~{number}~{time.monotonic_ns()}~".ljust(LENGTH, "x")
    try:
        Author(name=name).save()
    except DatabaseError:
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
        except DatabaseError:
            continue


def one_by_one(first: int, count: int, gap: float) -> tuple[list[int], list[int]]:
    """When each save began and when it was committed."""
    began, starts, ends = time.monotonic(), [], []
    for done in range(count):
        if gap:
            time.sleep(max(0.0, began + done * gap - time.monotonic()))
        starts.append(time.monotonic_ns())
        save(first + done)
        ends.append(time.monotonic_ns())
    return starts, ends


def at_once(first: int, count: int) -> tuple[list[int], list[int]]:
    start = time.monotonic_ns()
    with transaction.atomic():
        for number in range(first, first + count):
            save(number)
    return [start] * count, [time.monotonic_ns()] * count


def main() -> None:
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        first, count, gap = int(words[0]), int(words[1]), float(words[2])
        used, began = time.process_time(), time.monotonic()
        starts, ends = at_once(first, count) if words[3:] else one_by_one(first, count, gap)
        seconds, cpu = time.monotonic() - began, time.process_time() - used
        print(json.dumps({"seconds": seconds, "cpu": cpu, "starts": starts, "ends": ends}), flush=True)


if __name__ == "__main__":
    main()
