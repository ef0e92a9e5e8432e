"""What the database holds at the end: the log, the ledger of committed changes, and the head of the log.

The ledger is the truth: PostgreSQL committed its rows together with the changes that they record.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from django.db import connection

from realtime import kinds
from realtime.log import LogConnection
from realtime.position import MAX_OFFSET, Position
from tests.faults.readers.client import Data


class Row(NamedTuple):
    """An event of the log. A scrubbed one has no token until the ledger supplies it."""

    offset: int
    key: str
    kind: str
    family: str
    topics: frozenset[str]
    token: str
    version: int
    scrubbed: bool

    @property
    def ledger_key(self) -> str:
        """The key under which the ledger has the object's changes of this family."""
        return self.key if self.family == "state" else f"{self.key} {self.family}"


class Log:
    """The rows of the log, by offset."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = sorted(rows)
        self._offsets = [row.offset for row in self._rows]
        self.families = {row.offset: row.family for row in self._rows}

    def between(self, start: int, end: int, topics: frozenset[str]) -> dict[int, Row]:
        """Returns the rows on any of the topics after `start` up to `end`, by offset."""
        first, last = bisect_right(self._offsets, start), bisect_right(self._offsets, end)
        return {row.offset: row for row in self._rows[first:last] if not row.topics.isdisjoint(topics)}


def read_log() -> list[Row]:
    """Returns all rows of the log, in order."""
    decode = msgspec.json.Decoder(Data).decode
    with connection.cursor() as cursor:
        cursor.execute('SELECT "offset", key, kind, topics, data::text FROM realtime_event ORDER BY "offset"')
        rows = []
        for offset, key, kind, topics, text in cursor.fetchall():
            data = decode(text)
            token = "" if data.scrubbed else data.token
            version = data.post.version if data.post else data.version
            family = kinds.get(kind).family
            rows.append(Row(offset, key, kind, family, frozenset(topics), token, version, data.scrubbed))
        return rows


def read_ledger() -> dict[str, list[str]]:
    """Returns the tokens of each key in the order of the commits, of each transaction the last."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, token FROM (SELECT DISTINCT ON (key, transaction) id, key, token FROM ledger"
            " ORDER BY key, transaction, id DESC) l ORDER BY id"
        )
        tokens: dict[str, list[str]] = defaultdict(list)
        for key, token in cursor.fetchall():
            tokens[key].append(token)
        return tokens


def head() -> Position:
    """Sequences what is pending and returns the position of the newest event."""
    log = LogConnection()
    look = log.advance_and_read(MAX_OFFSET)
    log.close()
    return Position(look.epoch, look.head)
