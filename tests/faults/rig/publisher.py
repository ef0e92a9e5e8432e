"""Publishes at a steady pace, each event of an object of its own, so that compaction removes none.

python tests/faults/rig/publisher.py --events 1200 --rate 10 [--size 4096] [--hold 30]
"""

import argparse
import os
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "realtime.settings")
django.setup()

from django.db import transaction  # noqa: E402

from blog.models import Author, Post, User  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=1200)
    parser.add_argument("--rate", type=float, default=10.0, help="a second")
    parser.add_argument("--size", type=int, default=0, help="bytes of a post's text; 0 publishes names of authors")
    parser.add_argument("--hold", type=float, default=0.0, help="only keeps a transaction open for this many seconds")
    options = parser.parse_args()
    with transaction.atomic():
        if options.hold:
            Author.objects.create(name="held")
            time.sleep(options.hold)
            return
    ada, _ = User.objects.get_or_create(username="ada")
    byline, _ = Author.objects.get_or_create(name="Ada")
    began = time.monotonic()
    for number in range(options.events):
        time.sleep(max(0.0, began + number / options.rate - time.monotonic()))
        if options.size:
            text = "tide " * (options.size // 5)
            Post.objects.create(author=ada, byline=byline, title=f"published {number}", text=text, state="published")
        else:
            Author.objects.create(name=f"published {number}")


if __name__ == "__main__":
    main()
