"""The log: all committed events in order, each at an offset that never changes.

Transactions insert rows into the outbox (the table `realtime_pending`), without an offset. `advance_and_read()`
moves the rows that have been committed into the log (`realtime_event`), in the order of their ids, under the lock of
the one Log row, and reads what follows. Hubs call it when the bell rings, and so does every other reader of the log.
Writers never do, so no writer waits for another. docs/decisions/0001-the-log.md has the experiments behind this.
"""

import secrets
import string
from collections.abc import Collection, Iterable
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple, Self

import psycopg2
from django.db import connection as django_connection
from django.db import connections
from django.db.models import BigIntegerField, Func, TextField, Value
from django.db.models.functions import Cast, Concat
from psycopg2.extensions import STRINGARRAY, new_type, register_type

from realtime.errors import LogAway
from realtime.position import Position

# Lock and numbering are two statements: the second one's snapshot must be younger than the lock.
# psycopg2 sends all of them as one simple query: one round trip, one transaction.
_ADVANCE_AND_READ = "EXECUTE log_lock; EXECUTE log_sequence(%(promise)s); EXECUTE log_after(%(since)s, %(limit)s)"
_LOCK = "SELECT 1 FROM realtime_log WHERE id = 1 FOR UPDATE"
SEQUENCE = """
WITH gone AS (DELETE FROM realtime_pending RETURNING *),
     last AS (SELECT key, max(id) AS id FROM gone WHERE scrub GROUP BY key),
     moved AS (
       INSERT INTO realtime_event ("offset", kind, key, topics, left_topics, time, data)
       SELECT (SELECT head FROM realtime_log) + row_number() OVER (ORDER BY g.id),
              g.kind, g.key, g.topics, g.left_topics, g.time,
              CASE WHEN g.id < last.id THEN '{"scrubbed": true}' ELSE g.data END
       FROM gone g LEFT JOIN last USING (key) RETURNING 1),
     scrubbed AS (
       UPDATE realtime_event e SET data = '{"scrubbed": true}' FROM last
        WHERE ARRAY[e.key] @> ARRAY[last.key] RETURNING 1)
UPDATE realtime_log
   SET head = head + n.moved, scrubbed = scrubbed + (SELECT count(*) FROM scrubbed),
       promised = CASE WHEN $1 > 0 THEN greatest(promised, clock_timestamp() + $1 * interval '1 second')
                       ELSE promised END
  FROM (SELECT count(*) AS moved FROM moved) n WHERE n.moved > 0
"""
_COLUMNS = 'e."offset", e.kind, e.key, e.topics, e.left_topics, e.time, e.data::text'
# the newest events of one kind; user.access.changed has an index for it (realtime.models.Event)
_RECENT = f"""
SELECT {_COLUMNS} FROM realtime_event e
 WHERE e.kind = %(kind)s AND e.time > clock_timestamp() - %(seconds)s * interval '1 second' ORDER BY e."offset"
"""
# A user may follow the topic of an object whose events are addressed to the user's own topic.
_ADDRESSED = "SELECT key FROM realtime_key WHERE key = ANY(%(keys)s) AND %(topic)s = ANY(topics)"
# The Log row comes first and once: repeated beside each event it would cost as much as the event's data.
_AFTER = f"""
SELECT epoch, head, trimmed, greatest(0, date_part('epoch', promised - clock_timestamp())),
       NULL::bigint AS "offset", NULL, NULL, NULL::text[], NULL::text[], NULL::timestamptz, NULL
  FROM realtime_log
 UNION ALL
(SELECT NULL, NULL, NULL, NULL, {_COLUMNS} FROM realtime_event e WHERE e."offset" > $1 ORDER BY e."offset" LIMIT $2)
 ORDER BY "offset" NULLS FIRST
"""
_SINCE = f"""
SELECT {_COLUMNS} FROM realtime_event e
 WHERE e."offset" > %(since)s AND e."offset" <= %(until)s AND e.topics && %(topics)s
 ORDER BY e."offset" LIMIT %(limit)s
"""
# Planning takes longer than reading. A plan is made for tables of their size, see advance_and_read().
_PREPARE = f"""
DEALLOCATE ALL;
PREPARE log_lock AS {_LOCK};
PREPARE log_sequence (double precision) AS {SEQUENCE};
PREPARE log_after (bigint, bigint) AS {_AFTER};
"""
# A restore into another cluster, a recovery to a point in time and a failover each change one of the two.
_CLUSTER = """
SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) FROM pg_control_system()
"""
# The options that the order rests on, whatever the application's own connections use: decision 0001.
_OPTIONS = (
    "-c jit=off -c synchronous_commit=on -c default_transaction_isolation=read\\ committed"
    " -c lock_timeout=2s -c plan_cache_mode=force_generic_plan -c application_name=stop-press-log"
)
# a server that vanished without a word is noticed after 11 s, also in the middle of a question
_KEEPALIVE = {
    "keepalives": 1,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 11_000,
}
_EPOCH_ALPHABET = string.ascii_lowercase + string.digits


class TopicsReader:
    """Converts arrays of topics for psycopg2, and returns the same tuple for the same text.

    The events of an object have the same topics: a backlog of ten thousand events then holds each tuple once.
    """

    MAX_ARRAYS = 10_000  # after which the memory begins anew

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, text: str | None, cursor: Any) -> tuple[str, ...] | None:
        if text is None:
            return None
        topics = self._known.get(text)
        if topics is None:
            if len(self._known) >= self.MAX_ARRAYS:
                self._known.clear()
            topics = self._known[text] = tuple(STRINGARRAY(text, cursor))
        return topics

    def __len__(self) -> int:
        return len(self._known)


class Event(NamedTuple):
    """An event as a row of the log. `left`: the topics that its object has left. `data`: JSON text."""

    offset: int
    kind: str
    key: str
    topics: tuple[str, ...]
    left: tuple[str, ...]
    time: datetime
    data: bytes

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """Returns the event of a row that was selected by _COLUMNS."""
        offset, kind, key, topics, left, time, data = row
        return cls(offset, intern(kind), key, topics, left, time, data.encode())


class LogRead(NamedTuple):
    """The answer of advance_and_read(): the log's epoch and head, the offset up to which it was trimmed, new events.

    `promised`: the seconds that are left of the polling lease, in which writers do not ring (realtime.polling_lease).
    """

    epoch: str
    head: int
    trimmed: int
    events: list[Event]
    promised: float


class LogConnection:
    """A database connection for reading the log, reopened when it broke. For one thread at a time.

    The methods raise LogAway while the database does not answer.
    """

    def __init__(self) -> None:
        self._connection: Any = None
        self._planned_head = 0  # the head for which the statements are planned, about; 0: they are not

    def advance_and_read(self, since: int, limit: int = 1000, lease: float = 0.0) -> LogRead:
        """Moves committed events into the log, and returns at most `limit` events after `since`. One round trip.

        If events were moved, it sets the polling lease to `lease` seconds from now: the caller has to poll that long.
        """
        sql = _ADVANCE_AND_READ if self._planned_head else _PREPARE + _ADVANCE_AND_READ
        rows = self._run(sql, {"since": since, "limit": limit, "promise": lease})
        if not rows or rows[0][0] is None:
            raise LogAway("The log has not been made; run `manage.py migrate`.")
        epoch, head, trimmed, promised = rows[0][:4]
        self._planned_head = self._planned_head or head + 1000
        if head > 2 * self._planned_head:
            self._planned_head = 0
        return LogRead(epoch, head, trimmed, [Event.of(row[4:]) for row in rows[1:]], promised)

    def tidy(self) -> None:
        """Vacuums the outbox: advance_and_read() reads all of its pages, and autovacuum comes once a minute.

        The file is not truncated, since writers would have to wait for that.
        """
        self._run("VACUUM (SKIP_LOCKED, TRUNCATE false) realtime_pending", {})

    def since(self, offset: int, topics: Collection[str], until: int, limit: int = 5001) -> list[Event]:
        """Returns at most `limit` events on any of the topics after `offset` and up to `until`, oldest first."""
        values = {"since": offset, "until": until, "topics": list(topics), "limit": limit}
        return [Event.of(row) for row in self._run(_SINCE, values)]

    def recent(self, kind: str, seconds: float) -> list[Event]:
        """Returns the events of one kind that are at most this many seconds old, oldest first."""
        return [Event.of(row) for row in self._run(_RECENT, {"kind": kind, "seconds": seconds})]

    def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Returns those of the keys whose objects live on the topic."""
        return {key for (key,) in self._run(_ADDRESSED, {"topic": topic, "keys": list(keys)})}

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._planned_head = 0

    def _run(self, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None:
                self._connection = self._open()
            with self._connection.cursor() as cursor:
                cursor.execute(sql, values)
                return list(cursor.fetchall()) if cursor.description else []
        except psycopg2.Error as error:
            self.close()
            raise LogAway(str(error).strip()) from error

    def _open(self) -> Any:
        parameters = {**django_connection.get_connection_params(), **_KEEPALIVE, "options": _OPTIONS}
        for name in ("cursor_factory", "isolation_level", "server_side_binding"):
            parameters.pop(name, None)
        connection = psycopg2.connect(connect_timeout=5, **parameters)
        connection.autocommit = True
        register_type(new_type(STRINGARRAY.values, "TOPICS", TopicsReader()), connection)
        with connection.cursor() as cursor:
            begin(cursor)
        return connection


def begin(cursor: Any, anew: bool = False) -> None:
    """Inserts the Log row where it is missing, and gives the log a new epoch where it was moved to another cluster.

    `anew` gives it a new epoch in any case: after the tables were restored, loaded or rewritten. A head that was
    restored behind the events is set to the last of them, or the next event would get an offset that is taken.
    Raises LogAway before the tables are migrated.
    """
    cursor.execute("SELECT to_regclass('realtime_log') IS NOT NULL")
    if not cursor.fetchone()[0]:
        raise LogAway("The log has not been made; run `manage.py migrate`.")
    cursor.execute(_CLUSTER)
    (cluster,) = cursor.fetchone()
    epoch = "".join(secrets.choice(_EPOCH_ALPHABET) for _ in range(8))
    cursor.execute(
        """INSERT INTO realtime_log AS l (id, epoch, cluster, head)
           SELECT 1, %(epoch)s, %(cluster)s, coalesce(max("offset"), 0) FROM realtime_event
           ON CONFLICT (id) DO UPDATE
           SET epoch = excluded.epoch, cluster = excluded.cluster, head = greatest(l.head, excluded.head)
           WHERE l.cluster <> excluded.cluster OR %(anew)s""",
        {"epoch": epoch, "cluster": cluster, "anew": anew},
    )


def position(using: str = "default") -> Position:
    """Returns the newest position, read by Django's connection. Raises LogAway before the log is made."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT epoch, head FROM realtime_log WHERE id = 1")
        row = cursor.fetchone()
    if row is None:
        raise LogAway("The log has not been made; run `manage.py migrate`.")
    return Position(*row)


def version_of(family: str, field: str = "pk") -> Func:
    """Returns an expression for querysets: the last announced version of each row's key.

    It is read in the row's own statement. Read in a later one it could be the version of a like that followed an
    edit which the row does not show yet, and the page would take the edit's event for an old one. Rows of other
    tables that a page reads afterwards may be newer than the version: their event comes, and changes nothing.
    """
    key = Concat(Value(f"{family}."), Cast(field, TextField()))
    template = "COALESCE((SELECT version FROM realtime_key WHERE key = %(expressions)s), 0)"
    return Func(key, template=template, output_field=BigIntegerField())


def position_and_version(key: str, using: str = "default") -> tuple[Position, int]:
    """Returns the newest position, and the last announced version of a key, 0 if it never was. One query."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """SELECT epoch, head, coalesce((SELECT version FROM realtime_key WHERE key = %s), 0)
                 FROM realtime_log WHERE id = 1""",
            [key],
        )
        row = cursor.fetchone()
    if row is None:
        raise LogAway("The log has not been made; run `manage.py migrate`.")
    epoch, head, version = row
    return Position(epoch, head), version


def versions(keys: Iterable[str], using: str = "default") -> dict[str, int]:
    """Returns the last announced version of each key, without those that were never announced.

    To be read before the objects themselves; for the rows of a queryset see version_of().
    """
    wanted = list(keys)
    if not wanted:
        return {}
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT key, version FROM realtime_key WHERE key = ANY(%s)", [wanted])
        return dict(cursor.fetchall())
