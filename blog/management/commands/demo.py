"""`manage.py demo`: makes a newsroom to look at, with three people, two books and two days of news."""

import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm  # type: ignore[import-untyped]

from blog import demo
from blog.models import Book, Tag, User


class Command(BaseCommand):
    """Makes the demo newsroom and prints how to sign in."""

    help = "Makes the demo newsroom (ada, ben and cleo; password stop-press). A second run changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="also on a database that `live` does not embed")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        if not (force or _is_embedded()):
            raise CommandError(
                "The demo's accounts have a password that everybody knows, so it is only made on the database that "
                "`manage.py live` embeds. Use --force if this one is no secret either."
            )
        demo.open_newsroom()
        paths = demo.post_files()
        bar = tqdm(
            demo.publish_posts(paths), total=len(paths), unit="post", file=sys.stderr, disable=not sys.stderr.isatty()
        )
        count = Counter(outcome for _, outcome in bar)
        made = ", ".join(f"{number} {outcome}" for outcome, number in count.items())
        self.stdout.write(f"Demo newsroom: {made}; {Book.objects.count()} books, {Tag.objects.count()} tags.")
        people = ", ".join(User.objects.filter(username__in=["ada", "ben", "cleo"]).values_list("username", flat=True))
        self.stdout.write(f"Sign in as {people} with {demo.PASSWORD}.")


def _is_embedded() -> bool:
    """Returns whether the database is the one that `live` embeds for this DATA_DIR."""
    return bool(settings.RUNNING) and settings.RUNNING.get("postgres_url") == settings.POSTGRES_URL
