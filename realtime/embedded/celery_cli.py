"""Ends `celery -A realtime ...` with a sentence where its database or its broker is not there at all.

Celery has no hook before its commands but their options: this one is hidden, and click calls its
callback before the command of any name. A server that is named and does not answer is left to
Celery, whose worker waits for it.
"""

import sys
from collections.abc import Iterator

import click
from django.conf import settings

from realtime.embedded.datadir import is_held
from realtime.embedded.one_sentence_errors import NOTHING_RUNS

# those that ask a server, or serve; the others (`report`, `--help` of any) need none
ONLINE = {"amqp", "beat", "call", "control", "events", "inspect", "list", "purge", "result", "status", "worker"}


def missing() -> Iterator[str]:
    """Yields the variables that are unset, or lead to an embedded server of a `live` that has ended."""
    sockets = settings.RUNNING.get("sockets")
    for name, url in ("POSTGRES_URL", settings.POSTGRES_URL), ("REDIS_URL", settings.BROKER_URL or settings.REDIS_URL):
        if url in ("", settings.NO_REDIS) or (sockets and sockets in url and not is_held(settings.DATA_DIR)):
            yield name


def _check(context: click.Context, _: click.Parameter, __: object) -> None:
    variables = " and ".join(missing()) if context.info_name in ONLINE else ""
    if variables:
        sys.exit(NOTHING_RUNS.format(settings.DATA_DIR, variables))


option = click.Option(["--servers-are-there"], is_flag=True, hidden=True, expose_value=False, callback=_check)
