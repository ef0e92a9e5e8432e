"""The SQL of announcing: locks on keys, and what is inserted just before COMMIT. For realtime.publish alone.

One round trip each, however many keys and events there are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from realtime import kinds
from realtime.promise import LEFT, Promise

STATEMENT = 16 * 2**20  # bytes of events in one statement: 10,000 posts of a screen each. More would only take memory

# A JSON text is read faster than ten thousand VALUES. Its order is the order of the ids.
_INSERT = """
INSERT INTO realtime_pending (kind, key, topics, left_topics, data, scrub)
SELECT * FROM jsonb_to_recordset(%(rows)s)
  AS e (kind text, key text, topics text[], left_topics text[], data jsonb, scrub boolean);
UPDATE realtime_key k SET version = n.version, topics = n.topics, kind = n.kind
  FROM jsonb_to_recordset(%(known)s) AS n (key text, version bigint, topics text[], kind text)
 WHERE k.key = n.key AND k.key = ANY(%(keys)s)
"""  # the keys once more: of a JSON text the planner does not know how short it is, and would read the whole table


@dataclass(frozen=True)
class Row:
    """An event, as _INSERT takes it."""

    kind: str
    key: str
    topics: Sequence[str]
    left_topics: Sequence[str]
    data: Any
    scrub: bool


@dataclass(frozen=True)
class Known:
    """What was last announced of a key."""

    key: str
    version: int = 0
    topics: Sequence[str] = ()
    kind: str = ""


def lock(cursor: Any, keys: Sequence[str], strength: Literal["SHARE", "UPDATE"]) -> dict[str, Known]:
    """Takes the locks in the order given, and tells what is known of each key. From then on all have a row."""
    cursor.execute(
        f"""INSERT INTO realtime_key (key) SELECT unnest(%(keys)s) ON CONFLICT DO NOTHING;
            SELECT k.key, k.version, k.topics, k.kind
              FROM unnest(%(keys)s) WITH ORDINALITY AS wanted (key, place) JOIN realtime_key k USING (key)
             ORDER BY wanted.place FOR {strength} OF k""",
        {"keys": list(keys)},
    )
    return {row[0]: Known(*row) for row in cursor.fetchall()}


def insert(cursor: Any, told: Iterable[tuple[Iterable[Row], Known]], promise: Promise) -> None:
    """Inserts the events of each key, and notes what is known of it from now on. Asks for the promise if need be."""
    rows: list[bytes] = []
    known: dict[str, bytes] = {}
    size = 0
    for events, after in told:
        for event in events:
            rows.append(kinds.encode(event))
            size += len(rows[-1])
        known[after.key] = kinds.encode(after)
        if size > STATEMENT:
            _insert(cursor, rows, known, promise)
            rows, known, size = [], {}, 0
    if known:
        _insert(cursor, rows, known, promise)


def _insert(cursor: Any, rows: Iterable[bytes], known: Mapping[str, bytes], promise: Promise) -> None:
    values = {"rows": _list(rows), "known": _list(known.values()), "keys": list(known)}
    if promise.is_in_question:
        asked = monotonic()
        cursor.execute(f"{_INSERT} RETURNING {LEFT}", values)
        promise.take(asked, cursor.fetchone()[0])
    else:
        cursor.execute(_INSERT, values)


def _list(parts: Iterable[bytes]) -> str:
    return f"[{b','.join(parts).decode()}]"
