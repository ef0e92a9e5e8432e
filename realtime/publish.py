"""publish(): the one door through which events are written.

A call only leaves a mark in `on_commit`, where Django already forgets what a savepoint rolls back.
Just before COMMIT the database wrapper hands all marks to `write()`, in the same transaction:

    lock the marked keys, and what they show of others; read their state; insert pending rows

in one global order, so that announcing never deadlocks, and in statements of their own, so that the
state read is the one under the lock. The same mark, called after COMMIT, rings the bell.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from django.db import connections, transaction
from psycopg2.extras import execute_values

from realtime import kinds, log
from realtime.bell import bell
from realtime.errors import NotInTransaction, NotRegistered

LOADED = "loaded"  # the kind of a mark that announces nothing: see loaded()


@dataclass(frozen=True)
class Mark:
    """Something was changed. `before`: by part, what was there until then (None: nothing)."""

    kind: str
    key: str
    before: Mapping[Hashable, Any]

    def __call__(self) -> None:
        bell.ring()


@dataclass(frozen=True)
class Known:
    """What was last announced of a key."""

    version: int = 0
    topics: tuple[str, ...] = ()
    kind: str = ""


@dataclass
class Change:
    """All marks of one key in one transaction, and what is true now.

    `kinds`: the marked kinds, in order. `before`: by kind and part what was there before the
    transaction; the first surviving mark of a part tells. `state`: None where nothing is public.
    """

    key: str
    id: str
    kinds: list[str] = field(default_factory=list)
    loaded: bool = False
    before: dict[str, dict[Hashable, Any]] = field(default_factory=dict)
    known: Known = Known()
    state: Any = None

    @property
    def version(self) -> int:
        return self.known.version + 1

    def add(self, mark: Mark) -> None:
        self.loaded |= mark.kind == LOADED
        if mark.kind not in self.kinds:
            self.kinds.append(mark.kind)
        first = self.before.setdefault(mark.kind, {})
        for part, was in mark.before.items():
            first.setdefault(part, was)


@dataclass(frozen=True)
class Draft:
    """An event to be written. `topics`: where its object lives from now on.

    Those it lived on before are added and named as left; `lives=False` is an event on the side,
    which says nothing of where the object lives and names itself what it `left`.
    `scrub` takes the text from the key's earlier rows.
    """

    kind: str
    topics: Sequence[str]
    data: Any
    scrub: bool = False
    lives: bool = True
    left: Sequence[str] = ()


class Source(Protocol):
    """How the objects behind one family of keys are read and told. The domain registers one per family."""

    rank: int  # place in the global lock order: a source's parts have higher ranks than itself

    def parts(self, ids: Sequence[str]) -> Iterable[str]:
        """The keys whose objects these show inside. Asked when the ids are locked; locked next."""
        ...

    def read(self, ids: Sequence[str], versions: Mapping[str, int]) -> Mapping[str, Any]:
        """The public state of each id that has one, carrying the version given."""
        ...

    def tell(self, change: Change) -> Iterable[Draft]:
        """The events that a change makes; none where it has no net effect."""
        ...


_sources: dict[str, Source] = {}


def register(family: str, source: Source) -> None:
    """Makes a family of keys known: `post` for `post.<id>`. Registering the same again is harmless."""
    if type(_sources.setdefault(family, source)) is not type(source):
        raise NotRegistered(f"The key family {family} is registered already, differently.")


def publish(kind: str, key: str, before: Mapping[Hashable, Any] | None = None, using: str = "default") -> None:
    """Announces that the object behind `key` changed, if and when the transaction commits.

    `before` tells of a relation's parts what was there until now. Raises NotInTransaction.
    """
    _insist_on_transaction(kind, using)
    if key.partition(".")[0] not in _sources:
        raise NotRegistered(f"No source of {key} is registered.")
    transaction.on_commit(Mark(kind, key, before or {}), using=using)


def loaded(key: str, using: str = "default") -> None:
    """Notes that the object behind `key` was written past all announcing, by loaddata.

    Nothing is told; the log gets a new epoch, so that every open page starts from a fresh
    snapshot, and what is known of the key is read anew.
    """
    _insist_on_transaction(LOADED, using)
    transaction.on_commit(Mark(LOADED, key, {}), using=using)


def _insist_on_transaction(kind: str, using: str) -> None:
    if not in_transaction(using):
        raise NotInTransaction(f"{kind} was published outside a transaction; wrap the change in transaction.atomic().")


def in_transaction(using: str = "default") -> bool:
    """Whether a COMMIT will come. The blocks that TestCase opens do not count: theirs never does."""
    connection = connections[using]
    blocks = connection.atomic_blocks
    return connection.in_atomic_block and not all(
        block._from_testcase  # type: ignore[attr-defined]
        for block in blocks
    )


def write(connection: Any, marks: Iterable[Mark]) -> None:
    """Writes the pending events of all marks. Called by the database wrapper just before COMMIT."""
    changes: dict[str, Change] = {}
    for mark in marks:
        changes.setdefault(mark.key, Change(mark.key, mark.key.partition(".")[2])).add(mark)
    with connection.cursor() as cursor:
        for family, ids in _lock(cursor, changes).items():
            states = _sources[family].read(ids, {id: changes[f"{family}.{id}"].version for id in ids})
            for id in ids:
                changes[f"{family}.{id}"].state = states.get(id)
        told = [(change, list(_sources[_family(key)].tell(change))) for key, change in changes.items()]
        _insert(cursor, [(change, drafts) for change, drafts in told if drafts])
        if any(change.loaded for change in changes.values()):
            log.begin(cursor, anew=True)


def _family(key: str) -> str:
    return key.partition(".")[0]


def _lock(cursor: Any, changes: dict[str, Change]) -> dict[str, list[str]]:
    """Locks keys and their parts, rank by rank, and notes what is known of each. Returns the ids by family."""
    locked: dict[str, list[str]] = {}
    parts: set[str] = set()
    for family in sorted(_sources, key=lambda name: _sources[name].rank):
        own = {key for key in changes if _family(key) == family}
        shown = {key for key in parts if _family(key) == family} - own
        for key, known in _lock_family(cursor, own, shown):
            if key in own:
                # what was loaded is told as if for the first time, to nobody: where does it live?
                changes[key].known = Known(known.version) if changes[key].loaded else known
        if own:
            locked[family] = [changes[key].id for key in changes if key in own]
            parts.update(_sources[family].parts(locked[family]))
    return locked


def _lock_family(cursor: Any, own: set[str], shown: set[str]) -> Iterable[tuple[str, Known]]:
    """Takes the locks of one family in the order of its keys: for itself, or shared where only shown."""
    for is_own, run in groupby(sorted(own | shown), key=own.__contains__):
        keys = list(run)
        cursor.execute(
            f"""INSERT INTO realtime_key (key) SELECT unnest(%(keys)s) ON CONFLICT DO NOTHING;
                SELECT key, version, topics, kind FROM realtime_key WHERE key = ANY(%(keys)s)
                 ORDER BY key COLLATE "C" FOR {"UPDATE" if is_own else "SHARE"}""",
            {"keys": keys},
        )
        for key, version, topics, kind in cursor.fetchall():
            yield key, Known(version, tuple(topics), kind)


def _insert(cursor: Any, told: Sequence[tuple[Change, Sequence[Draft]]]) -> None:
    """Inserts the events, and notes for each key what is known of it from now on."""
    if not told:
        return
    rows, notes = [], []
    for change, drafts in told:
        known = change.known
        for draft in drafts:
            topics, left = _topics(draft, change.known)
            data = kinds.encode(draft.data).decode()
            if not change.loaded:
                rows.append((draft.kind, change.key, topics, left, data, draft.scrub))
            if draft.lives:
                known = Known(change.version, tuple(draft.topics), draft.kind)
        notes.append((change.key, change.version, list(known.topics), known.kind))
    if rows:
        execute_values(
            cursor.cursor,
            "INSERT INTO realtime_pending (kind, key, topics, left_topics, data, scrub) VALUES %s",
            rows,
            "(%s, %s, %s::text[], %s::text[], %s::jsonb, %s)",
            page_size=1000,
        )
    execute_values(
        cursor.cursor,
        "UPDATE realtime_key k SET version = v.version, topics = v.topics, kind = v.kind"
        " FROM (VALUES %s) AS v (key, version, topics, kind) WHERE k.key = v.key",
        notes,
        "(%s, %s::bigint, %s::text[], %s)",
        page_size=1000,
    )


def _topics(draft: Draft, known: Known) -> tuple[list[str], list[str]]:
    """All topics the event goes to, and those among them that its object left."""
    if not draft.lives:
        return list(draft.topics), list(draft.left)
    left = [topic for topic in known.topics if topic not in draft.topics]
    return [*draft.topics, *left], left
