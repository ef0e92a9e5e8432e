"""Ends `celery -A realtime ...` with a sentence where nothing is running for its DATA_DIR.

Celery has no hook before its commands but their options: this one is hidden, and click calls its
callback before each command. A server that is named and does not answer is left to Celery, whose
worker waits for it.
"""

import sys
from collections.abc import Iterator

import click
from django.conf import settings

from realtime.embedded.datadir import is_held
from realtime.embedded.one_sentence_errors import NOTHING_RUNS

# commands that need the servers; the others (`report`, `--help` of any) do not
ONLINE_COMMANDS = {
    "amqp",
    "beat",
    "call",
    "control",
    "events",
    "inspect",
    "list",
    "purge",
    "result",
    "status",
    "worker",
}


def missing_variables() -> Iterator[str]:
    """Yields the variables that are unset, or lead to a server that a `live` has embedded which has ended."""
    nowhere = str(settings.NO_DATABASE["HOST"])  # in the addresses that settings make where none is given
    sockets = settings.RUNNING.get("sockets")
    for name, url in ("POSTGRES_URL", settings.POSTGRES_URL), ("REDIS_URL", settings.CELERY_BROKER_URL):
        if not url or nowhere in url or (sockets and sockets in url and not is_held(settings.DATA_DIR)):
            yield name


def _check(context: click.Context, _: click.Parameter, __: object) -> None:
    variables = " and ".join(missing_variables()) if context.info_name in ONLINE_COMMANDS else ""
    if variables:
        sys.exit(NOTHING_RUNS.format(settings.DATA_DIR, variables))


option = click.Option(["--servers-are-there"], is_flag=True, hidden=True, expose_value=False, callback=_check)
