"""`manage.py new_epoch`: begins a new epoch of the log, after tables were restored into the same database."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from realtime import log
from realtime.bell import bell


class Command(BaseCommand):
    """Begins a new epoch and rings the bell."""

    help = "Begins a new epoch after the tables were restored or rewritten: every reader reads a fresh page."

    def handle(self, *_: Any, **__: Any) -> None:
        before = log.position()
        with connection.cursor() as cursor:
            log.begin(cursor, anew=True)
        bell.ring()
        self.stdout.write(f"The log was at {before} and is now at {log.position()}.")
        self.stdout.write(
            "Within a second every open page is told (`reset`, reason `epoch`) and reads itself afresh;"
            " whoever comes back with an older position is told the same."
        )
