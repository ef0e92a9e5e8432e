"""The log: what was committed, in order, each event at an offset that never changes.

Transactions leave rows in `pending`, without an offset. `look()` sequences: it moves what has been
committed by then into `event`, in the order of the ids, under the lock of the one Log row. Hubs
look when the bell rings, and so does whoever reads the log; those who publish never do, so no
writer waits for another. docs/decisions/0001-the-log.md has the experiments behind each word here.
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
# the newest of one kind, by an index of its own where there is one (realtime.models.Event)
_RECENT = f"""
SELECT {_COLUMNS} FROM realtime_event e
 WHERE e.kind = %(kind)s AND e.time > clock_timestamp() - %(seconds)s * interval '1 second' ORDER BY e."offset"
"""
# An object's own topic is also for whom its events are addressed to.
_ADDRESSED = "SELECT key FROM realtime_key WHERE key = ANY(%(keys)s) AND %(topic)s = ANY(topics)"
# The log's own row comes first and once: beside each event it would cost as much as the event's data.
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
# Planning a look takes longer than a look. A plan is made for tables of their size, see look().
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
# What keeps the order right whatever the application's own connections use: LOG decisions, 0001.
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
    """Reads arrays of topics for psycopg2, each once: what happens to one object happens on the same topics.

    So a process that remembers ten thousand events does not remember their topics ten thousand times.
    """

    MOST = 10_000

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, text: str | None, cursor: Any) -> tuple[str, ...] | None:
        if text is None:
            return None
        topics = self._known.get(text)
        if topics is None:
            if len(self._known) >= self.MOST:
                self._known.clear()
            topics = self._known[text] = tuple(STRINGARRAY(text, cursor))
        return topics

    def __len__(self) -> int:
        return len(self._known)


class Event(NamedTuple):
    """A row of the log. `left`: the topics its object belongs to no longer. `data`: JSON text."""

    offset: int
    kind: str
    key: str
    topics: tuple[str, ...]
    left: tuple[str, ...]
    time: datetime
    data: bytes

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        offset, kind, key, topics, left, time, data = row
        return cls(offset, intern(kind), key, topics, left, time, data.encode())


class LogRead(NamedTuple):
    """What one look found: which log it is, how far it goes, how much of it was trimmed, what is new.

    `promised`: for how many seconds from now on nobody rings (realtime.polling_lease).
    """

    epoch: str
    head: int
    trimmed: int
    events: list[Event]
    promised: float


class LogConnection:
    """A connection of its own to the log, reopened when it broke. For one thread at a time.

    Its methods raise LogAway while the database does not answer.
    """

    def __init__(self) -> None:
        self._connection: Any = None
        self._planned = 0  # the head for which looks are planned, about; 0: they are not

    def advance_and_read(self, since: int, limit: int = 1000, lease: float = 0.0) -> LogRead:
        """Sequences what was committed, and reads at most `limit` events after `since`: one round trip.

        Where it found something unsequenced, the caller has promised to look often for `promise` seconds.
        """
        sql = _ADVANCE_AND_READ if self._planned else _PREPARE + _ADVANCE_AND_READ
        rows = self._run(sql, {"since": since, "limit": limit, "promise": lease})
        if not rows or rows[0][0] is None:
            raise LogAway("The log has not been made; run `manage.py migrate`.")
        epoch, head, trimmed, promised = rows[0][:4]
        self._planned = self._planned or head + 1000
        if head > 2 * self._planned:
            self._planned = 0
        return LogRead(epoch, head, trimmed, [Event.of(row[4:]) for row in rows[1:]], promised)

    def tidy(self) -> None:
        """Frees the places of what looks have moved: every look reads all pages of `pending`.

        Autovacuum comes once a minute. Writers wait for nothing here, so the table does not become shorter.
        """
        self._run("VACUUM (SKIP_LOCKED, TRUNCATE false) realtime_pending", {})

    def since(self, offset: int, topics: Collection[str], until: int, limit: int = 5001) -> list[Event]:
        """The events on any of the topics after `offset` up to `until`, oldest first, at most `limit`."""
        values = {"since": offset, "until": until, "topics": list(topics), "limit": limit}
        return [Event.of(row) for row in self._run(_SINCE, values)]

    def recent(self, kind: str, seconds: float) -> list[Event]:
        """The events of one kind that are not older than this, oldest first."""
        return [Event.of(row) for row in self._run(_RECENT, {"kind": kind, "seconds": seconds})]

    def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        """Those of the keys whose objects live on that topic too."""
        return {key for (key,) in self._run(_ADDRESSED, {"topic": topic, "keys": list(keys)})}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._planned = 0

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
    """Makes sure that there is a log, and a new epoch where it is not on the cluster it was made on.

    `anew` starts a new epoch in any case: after the tables were restored, loaded or rewritten. A head that
    was restored behind the events beside it is put right, or the next event would get a place that is taken.
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
    """The newest position, through Django's connection. Raises LogAway before the log is made."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT epoch, head FROM realtime_log WHERE id = 1")
        row = cursor.fetchone()
    if row is None:
        raise LogAway("The log has not been made; run `manage.py migrate`.")
    return Position(*row)


def version_of(family: str, field: str = "pk") -> Func:
    """An expression for querysets: the last announced version of each row's key, in the row's own statement.

    Read in a later statement it could be that of a like which followed an edit that the row does not
    show: the page would take the edit's event for old. What a page reads of other tables afterwards
    may be newer than the version; its event comes, and is applied to no effect.
    """
    key = Concat(Value(f"{family}."), Cast(field, TextField()))
    template = "COALESCE((SELECT version FROM realtime_key WHERE key = %(expressions)s), 0)"
    return Func(key, template=template, output_field=BigIntegerField())


def position_and_version(key: str, using: str = "default") -> tuple[Position, int]:
    """The newest position, and the last announced version of a key (0 where it never was): one query."""
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
    """The last announced version of each key; a key that was never announced is not in it.

    Read before what they are the versions of; for the rows of a queryset see `version_of`.
    """
    wanted = list(keys)
    if not wanted:
        return {}
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT key, version FROM realtime_key WHERE key = ANY(%s)", [wanted])
        return dict(cursor.fetchall())
