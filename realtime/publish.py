"""publish(): the one door through which events are written.

A call only leaves a mark in `on_commit`, where Django already forgets what a savepoint rolls back.
Just before COMMIT the database wrapper hands all marks to `write()`, in the same transaction:

    lock the marked keys; read what they are; lock what they show of others; read that; insert pending rows

in one global order, so that announcing never deadlocks, and in statements of their own, so that what is
read is what there is under the lock. The same mark, called after COMMIT, rings the bell, unless the
hubs have promised to look.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connections

from realtime import log
from realtime.bell import bell
from realtime.errors import NotInTransaction, NotRegistered
from realtime.outbox import Known, Row, insert, lock
from realtime.polling_lease import PollingLease

LOADED = "loaded"  # the kind of a mark that announces nothing: see loaded()

Before = Mapping[Hashable, Any]


@dataclass(frozen=True)
class PendingChange:
    """Something was changed. `keys`: of which objects, with what was there by part until then (None: nothing).

    `cleared`: the objects whose relation was cleared as a whole. One that is in no `keys` is not changed by
    that alone, so it is neither locked nor read.
    """

    kind: str
    keys: Mapping[str, Before]
    lease: PollingLease | None = None
    cleared: Collection[str] = ()

    def __call__(self) -> None:
        if self.keys and (self.lease is None or not self.lease.is_open):
            bell.ring()


@dataclass
class Change:
    """All marks of one key in one transaction, and what is true now.

    `kinds`: the marked kinds, in order. `before`: by kind and part what was there before the
    transaction; the first surviving mark of a part tells. `cleared`: the kinds of the relations that
    were cleared as a whole. `state`: what its source read, None where
    there is nothing. `embedded`: by key, how others are shown inside it.
    """

    key: str
    id: str
    kinds: list[str] = field(default_factory=list)
    loaded: bool = False
    before: dict[str, dict[Hashable, Any]] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    known: Known = field(init=False)
    state: Any = None
    embedded: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> int:
        return self.known.version + 1

    def add(self, kind: str, before: Before) -> None:
        self.loaded |= kind == LOADED
        if kind not in self.kinds:
            self.kinds.append(kind)
        first = self.before.setdefault(kind, {})
        for part, was in before.items():
            first.setdefault(part, was)


@dataclass(frozen=True)
class NewEvent:
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

    rank: int  # place in the global lock order: what a source's objects show has a higher rank than itself

    def read(self, changes: Sequence[Change]) -> Mapping[str, Any]:
        """By id, what each changed object has of its own, if it is there. Asked when the changes are locked.

        Until the COMMIT nobody else can change that. In as many queries for ten thousand as for one.
        """
        ...

    def embedded_keys(self, state: Any) -> Iterable[str]:
        """The keys of others that an object shows inside. Locked next; may be read then."""
        ...

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """By id, how these are shown inside others. Asked when they are locked, at most once a transaction."""
        ...

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        """The events that a change makes; none where it has no net effect. Asks the database nothing."""
        ...


_sources: dict[str, Source] = {}


def register(family: str, source: Source) -> None:
    """Makes a family of keys known: `post` for `post.<id>`. Registering the same again is harmless."""
    if type(_sources.setdefault(family, source)) is not type(source):
        raise NotRegistered(f"The key family {family} is registered already, differently.")


def publish(kind: str, key: str, before: Before | None = None, using: str = "default") -> None:
    """Announces that the object behind `key` changed, if and when the transaction commits.

    `before` tells of a relation's parts what was there until now. Raises NotInTransaction.
    """
    publish_all(kind, {key: before or {}}, using)


def publish_all(kind: str, keys: Mapping[str, Before], using: str = "default", cleared: Collection[str] = ()) -> None:
    """Announces that the objects behind `keys` changed, in one pending change however many they are.

    `cleared` names those whose relation was cleared as a whole, whether anything was in it or not.
    """
    if keys or cleared:
        for family in {_family(key) for key in keys}:
            if family not in _sources:
                raise NotRegistered(f"No source of {family}.<id> is registered.")
        _leave(PendingChange(kind, keys, cleared=cleared), using)


def loaded(key: str, using: str = "default") -> None:
    """Notes that the object behind `key` was written past all announcing, by loaddata.

    Nothing is told; the log gets a new epoch, so that every open page starts from a fresh
    snapshot, and what is known of the key is read anew.
    """
    _leave(PendingChange(LOADED, {key: {}}), using)


def _leave(pending_change: PendingChange, using: str) -> None:
    connection = connections[using]
    if not _in_transaction(connection):
        raise NotInTransaction(
            f"{pending_change.kind} was published outside a transaction; wrap the change in transaction.atomic()."
        )
    connection.on_commit(pending_change)


def in_transaction(using: str = "default") -> bool:
    """Whether a COMMIT will come. The blocks that TestCase opens do not count: theirs never does."""
    return _in_transaction(connections[using])


def _in_transaction(connection: Any) -> bool:
    blocks = connection.atomic_blocks
    return connection.in_atomic_block and not all(block._from_testcase for block in blocks)


def write(connection: Any, pending_changes: Sequence[PendingChange]) -> None:
    """Writes the pending events of all marks. Called by the database wrapper just before COMMIT."""
    changes: dict[str, Change] = {}
    for pending_change in pending_changes:
        for key, before in pending_change.keys.items():
            if key not in changes:
                changes[key] = Change(key, key.partition(".")[2])
            changes[key].add(pending_change.kind, before)
    for pending_change in pending_changes:
        for key in pending_change.cleared:
            if key in changes:
                changes[key].cleared.add(pending_change.kind)
    with connection.cursor() as cursor:
        shown = _load_embedded(_read(cursor, _by_family(changes)))
        for change in changes.values():
            change.embedded = shown
        told = ((change, list(_sources[_family(key)].build_events(change))) for key, change in changes.items())
        insert(cursor, [_told(change, drafts) for change, drafts in told if drafts], connection.polling_lease)
        if any(change.loaded for change in changes.values()):
            log.begin(cursor, anew=True)


def _family(key: str) -> str:
    return key.partition(".")[0]


def _by_family(changes: Mapping[str, Change]) -> dict[str, list[Change]]:
    families: dict[str, list[Change]] = {}
    for key, change in changes.items():
        families.setdefault(_family(key), []).append(change)
    return families


def _read(cursor: Any, families: Mapping[str, Sequence[Change]]) -> dict[str, set[str]]:
    """Locks and reads what changed, locks what that shows of others; returns the keys of these, by family.

    In one order for everybody: by the rank of the family, then by key. What is only shown is locked
    shared and in one go with others, or for itself where keys of its family changed: two kinds of
    lock in one family would take a statement for each turn between them.
    """
    shown: dict[str, set[str]] = {}
    waiting: list[str] = []  # to be locked shared, with or before the next
    for family in _by_rank():
        keys = shown.get(family, set())
        if own := families.get(family):
            if waiting:
                lock(cursor, waiting, "SHARE")
                waiting = []
            _know(own, lock(cursor, sorted(keys.union(change.key for change in own)), "UPDATE"))
            source = _sources[family]
            states = source.read(own)
            for change in own:
                change.state = states.get(change.id)
                if change.state is not None:
                    for key in source.embedded_keys(change.state):
                        shown.setdefault(_family(key), set()).add(key)
        else:
            waiting += sorted(keys)
    if waiting:
        lock(cursor, waiting, "SHARE")
    return shown


def _by_rank() -> list[str]:
    return sorted(_sources, key=lambda name: _sources[name].rank)


def load_embedded(keys: Iterable[str]) -> dict[str, Any]:
    """Returns how the objects behind the keys are shown inside others, by key: one query for each family."""
    families: dict[str, set[str]] = {}
    for key in keys:
        families.setdefault(_family(key), set()).add(key)
    return _load_embedded(families)


def _load_embedded(families: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for family, keys in families.items():
        found = _sources[family].load_embedded([key.partition(".")[2] for key in keys])
        shown.update((f"{family}.{id}", how) for id, how in found.items())
    return shown


def _know(changes: Iterable[Change], known: Mapping[str, Known]) -> None:
    for change in changes:
        now = known[change.key]
        # what was loaded is told as if for the first time, to nobody: where does it live?
        change.known = Known(change.key, now.version) if change.loaded else now


def _told(change: Change, drafts: Sequence[NewEvent]) -> tuple[list[Row], Known]:
    """The events that the drafts become, and what is known of the key from now on."""
    rows, topics, kind = [], change.known.topics, change.known.kind
    for draft in drafts:
        if not change.loaded:
            at, left = _topics(draft, change.known)
            rows.append(Row(draft.kind, change.key, at, left, draft.data, draft.scrub))
        if draft.lives:
            topics, kind = draft.topics, draft.kind
    return rows, Known(change.key, change.version, topics, kind)


def _topics(draft: NewEvent, known: Known) -> tuple[Sequence[str], Sequence[str]]:
    """All topics the event goes to, and those among them that its object left."""
    if not draft.lives:
        return draft.topics, draft.left
    left = [topic for topic in known.topics if topic not in draft.topics]
    return [*draft.topics, *left], left
