"""`manage.py trim`: trims the log, finished jobs and results now, as the schedule does every hour."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from realtime.retention import trim


class Command(BaseCommand):
    """Trims, and prints how much was removed."""

    help = "Removes from the log, the jobs and Celery's results what is older or more than the settings keep."

    def add_arguments(self, parser: CommandParser) -> None:
        for option, setting, what in (
            ("--days", settings.LOG_DAYS, "days of events to keep (LOG_DAYS)"),
            ("--rows", settings.LOG_ROWS, "events to keep at most (LOG_ROWS)"),
            ("--task-days", settings.TASK_DAYS, "days to keep finished jobs (TASK_DAYS)"),
        ):
            parser.add_argument(option, type=int, default=setting, metavar="N", help=f"{what}, by default {setting}")

    def handle(self, *_: Any, days: int, rows: int, task_days: int, **__: Any) -> None:
        gone = trim(days, rows, task_days)
        self.stdout.write(f"Removed {gone.events} events, {gone.jobs} jobs and {gone.results} results.")
