"""Rows written to the log itself, where a test needs many, or ones that no object has."""

import json
from collections.abc import Sequence

from django.db import connection, transaction
from psycopg2.extras import execute_values

from realtime.bell import bell


def write(*events: tuple[str, Sequence[str], Sequence[str]], text: str = "tide", ring: bool = True) -> None:
    """Commits tag events of these (key, topics, left) at once; rings, unless the bell is to be missed."""
    data = json.dumps({"slug": "tide", "name": text, "url": "/", "version": 1})
    rows = [("tag.updated", key, list(topics), list(left), data) for key, topics, left in events]
    with transaction.atomic(), connection.cursor() as cursor:
        execute_values(
            cursor.cursor,
            "INSERT INTO realtime_pending (kind, key, topics, left_topics, data) VALUES %s",
            rows,
            "(%s, %s, %s::text[], %s::text[], %s::jsonb)",
        )
    if ring:
        bell.ring()


def fill(number: int, topic: str) -> None:
    """Commits as many events on one topic, each of an object of its own."""
    write(*[(f"{topic}-{n}", [topic], []) for n in range(number)])
