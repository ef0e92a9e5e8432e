"""The SQL of announcing: locks on keys, and outbox rows inserted just before COMMIT. For realtime.publish alone.

Each function is one round trip, however many keys and events there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from realtime import kinds
from realtime.polling_lease import SECONDS_LEFT_SQL, PollingLease

# of events in one statement: 10,000 posts of a screen each. More would only take memory
MAX_STATEMENT_BYTES = 16 * 2**20

# events and keys; PostgreSQL plans and reads so few VALUES in half the time that JSON takes it
MAX_ROWS_IN_VALUES = 20

# A JSON text is read faster than ten thousand VALUES. The order of either is the order of the ids.
_INSERT = """
INSERT INTO realtime_pending (kind, key, topics, left_topics, data, scrub)
SELECT * FROM jsonb_to_recordset(%(rows)s)
  AS e (kind text, key text, topics text[], left_topics text[], data jsonb, scrub boolean);
UPDATE realtime_key k SET version = n.version, topics = n.topics, kind = n.kind
  FROM jsonb_to_recordset(%(known)s) AS n (key text, version bigint, topics text[], kind text)
 WHERE k.key = n.key AND k.key = ANY(%(keys)s)
"""  # the keys once more: of a JSON text the planner does not know how short it is, and would read the whole table
_INSERT_FEW = """
INSERT INTO realtime_pending (kind, key, topics, left_topics, data, scrub) VALUES {rows};
UPDATE realtime_key k SET version = n.version, topics = n.topics, kind = n.kind
  FROM (VALUES {known}) AS n (key, version, topics, kind) WHERE k.key = n.key
"""


@dataclass(frozen=True)
class Row:
    """An event as it stands in the outbox."""

    kind: str
    key: str
    topics: Sequence[str]
    left_topics: Sequence[str]
    data: Any
    scrub: bool


@dataclass(frozen=True)
class Known:
    """What was last announced of a key: its version, the topics its object lives on, the kind of its last event."""

    key: str
    version: int = 0
    topics: Sequence[str] = ()
    kind: str = ""


def lock_keys(cursor: Any, keys: Sequence[str], strength: Literal["SHARE", "UPDATE"]) -> dict[str, Known]:
    """Locks keys one after another and returns what is known of each. A key without a row gets one.

    `keys` are sorted by code points, and so are the rows, whatever the database's collation is.
    """
    cursor.execute(
        f"""INSERT INTO realtime_key (key) SELECT unnest(%(keys)s) ON CONFLICT DO NOTHING;
            SELECT key, version, topics, kind FROM realtime_key
             WHERE key = ANY(%(keys)s) ORDER BY key COLLATE "C" FOR {strength}""",
        {"keys": list(keys)},
    )
    return {row[0]: Known(*row) for row in cursor.fetchall()}


def insert(cursor: Any, told: Sequence[tuple[Sequence[Row], Known]], lease: PollingLease) -> None:
    """Inserts the events of each key, and stores what is known of it from now on.

    The same statement asks how long the hubs' polling lease lasts, where that is in question.
    """
    if 0 < sum(len(events) for events, _ in told) <= MAX_ROWS_IN_VALUES and len(told) <= MAX_ROWS_IN_VALUES:
        _insert_few(cursor, told, lease)
        return
    rows: list[bytes] = []
    known: dict[str, bytes] = {}
    size = 0
    for events, after in told:
        for event in events:
            rows.append(kinds.encode(event))
            size += len(rows[-1])
        known[after.key] = kinds.encode(after)
        if size > MAX_STATEMENT_BYTES:
            _insert(cursor, rows, known, lease)
            rows, known, size = [], {}, 0
    if known:
        _insert(cursor, rows, known, lease)


def _insert_few(cursor: Any, told: Sequence[tuple[Sequence[Row], Known]], lease: PollingLease) -> None:
    values: list[Any] = []
    for events, _ in told:
        for event in events:
            data = kinds.encode(event.data).decode()
            values += (event.kind, event.key, list(event.topics), list(event.left_topics), data, event.scrub)
    rows = ", ".join(["(%s, %s, %s::text[], %s::text[], %s::jsonb, %s)"] * (len(values) // 6))
    for _, after in told:
        values += (after.key, after.version, list(after.topics), after.kind)
    known = ", ".join(["(%s, %s, %s::text[], %s)"] * len(told))
    _run(cursor, _INSERT_FEW.format(rows=rows, known=known), values, lease)


def _insert(cursor: Any, rows: Iterable[bytes], known: Mapping[str, bytes], lease: PollingLease) -> None:
    _run(cursor, _INSERT, {"rows": _list(rows), "known": _list(known.values()), "keys": list(known)}, lease)


def _run(cursor: Any, insert: str, values: Any, lease: PollingLease) -> None:
    if lease.is_in_question:
        asked = monotonic()
        cursor.execute(f"{insert} RETURNING {SECONDS_LEFT_SQL}", values)
        lease.take(asked, cursor.fetchone()[0])
    else:
        cursor.execute(insert, values)


def _list(parts: Iterable[bytes]) -> str:
    return f"[{b','.join(parts).decode()}]"
