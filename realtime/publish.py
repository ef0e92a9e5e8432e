"""publish(): the one door through which events are written.

A call only leaves a pending change in `on_commit`, where Django already forgets what a savepoint rolls back.
Just before COMMIT the database wrapper hands all of them to `write()`, in the same transaction, which

    locks the changed keys; reads their objects; locks what these show of others; reads that; inserts outbox rows

in one global order, so that announcing never deadlocks, and in statements of their own, so that what is
read is what there is under the lock. A pending change, called after COMMIT, rings the bell, unless the
hubs poll anyway (realtime.polling_lease).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connections

from realtime import log
from realtime.bell import bell
from realtime.errors import NotInTransaction, NotRegistered
from realtime.outbox import Known, Row, insert, lock_keys
from realtime.polling_lease import PollingLease

LOADED = "loaded"  # the kind of a pending change that announces nothing: see loaded()

Before = Mapping[Hashable, Any]


@dataclass(frozen=True)
class PendingChange:
    """A change that is announced if and when its transaction commits.

    `keys`: the objects, each with what was there of the parts of a relation until then (None: nothing).
    `cleared`: the objects whose relation was cleared as a whole; one that is in no `keys` is not changed by
    that alone, so it is neither locked nor read. `lease`: until when the bell need not ring.
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
    """All pending changes of one key in one transaction, and what is true now.

    `kinds`: their kinds, in order. `before`: by kind and part what was there before the transaction, as the
    first pending change that survived says. `cleared`: the kinds of relations that were cleared as a whole.
    `known`: what was last announced of the key. `state`: what its source read, None where there is no
    object. `embedded`: by key, how others are shown inside it.
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
        """The version that the events of this change carry."""
        return self.known.version + 1

    def add(self, kind: str, before: Before) -> None:
        """Adds what another pending change says of the key."""
        self.loaded |= kind == LOADED
        if kind not in self.kinds:
            self.kinds.append(kind)
        first = self.before.setdefault(kind, {})
        for part, was in before.items():
            first.setdefault(part, was)


@dataclass(frozen=True)
class NewEvent:
    """An event to be written.

    `topics`: where its object lives from now on; those it lived on before are added, and named as left.
    `lives=False`: an event that says nothing of where the object lives, and names by itself what it `left`.
    `scrub`: takes the text from the key's earlier events.
    """

    kind: str
    topics: Sequence[str]
    data: Any
    scrub: bool = False
    lives: bool = True
    left: Sequence[str] = ()


class Source(Protocol):
    """Reads the objects behind one family of keys, and builds their events. One is registered for each family.

    `rank`: its place in the order of locks, which is the same in all processes; what its objects show of
    others has a higher one.
    """

    rank: int

    def read(self, changes: Sequence[Change]) -> Mapping[str, Any]:
        """Returns what each changed object has of its own, by id; nothing for one that is not there.

        Called when their keys are locked, so no other transaction that announces can change it until COMMIT.
        Asks as many queries for ten thousand objects as for one.
        """
        ...

    def embedded_keys(self, state: Any) -> Iterable[str]:
        """Returns the keys of others that an object shows inside, which are locked next."""
        ...

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Returns how objects are shown inside others, by id. Called when they are locked, once a transaction."""
        ...

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        """Returns the events of a change; none where it has no net effect. Asks the database nothing."""
        ...


_sources: dict[str, Source] = {}


def register(family: str, source: Source) -> None:
    """Makes a family of keys known: `post` for `post.<id>`. Registering the same again is harmless."""
    if type(_sources.setdefault(family, source)) is not type(source):
        raise NotRegistered(f"The key family {family} is registered already, differently.")


def publish(kind: str, key: str, before: Before | None = None, using: str = "default") -> None:
    """Announces that the object behind `key` changed, if and when the transaction commits.

    `before` says what was there until now of each part of a relation that changes. Raises NotInTransaction.
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
        _note(PendingChange(kind, keys, cleared=cleared), using)


def loaded(key: str, using: str = "default") -> None:
    """Notes that the object behind `key` was written past all announcing, by loaddata.

    No event is written; the log gets a new epoch, so that every open page starts from a fresh
    snapshot, and what is known of the key is read anew.
    """
    _note(PendingChange(LOADED, {key: {}}), using)


def _note(pending_change: PendingChange, using: str) -> None:
    connection = connections[using]
    if not _in_transaction(connection):
        raise NotInTransaction(
            f"{pending_change.kind} was published outside a transaction; wrap the change in transaction.atomic()."
        )
    connection.on_commit(pending_change)


def in_transaction(using: str = "default") -> bool:
    """Returns whether a COMMIT will come. The blocks that TestCase opens do not count: theirs never does."""
    return _in_transaction(connections[using])


def _in_transaction(connection: Any) -> bool:
    blocks = connection.atomic_blocks
    return connection.in_atomic_block and not all(block._from_testcase for block in blocks)


def write(connection: Any, pending_changes: Sequence[PendingChange]) -> None:
    """Writes the events of all pending changes. Called by the database wrapper just before COMMIT."""
    changes = _by_key(pending_changes)
    with connection.cursor() as cursor:
        shown = _load_embedded(_read(cursor, _by_family(changes)))
        for change in changes.values():
            change.embedded = shown
        built = ((change, list(_sources[_family(key)].build_events(change))) for key, change in changes.items())
        insert(cursor, [_rows(change, events) for change, events in built if events], connection.polling_lease)
        if any(change.loaded for change in changes.values()):
            log.begin(cursor, anew=True)


def _by_key(pending_changes: Sequence[PendingChange]) -> dict[str, Change]:
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
    return changes


def _family(key: str) -> str:
    return key.partition(".")[0]


def _by_family(changes: Mapping[str, Change]) -> dict[str, list[Change]]:
    families: dict[str, list[Change]] = {}
    for key, change in changes.items():
        families.setdefault(_family(key), []).append(change)
    return families


def _read(cursor: Any, families: Mapping[str, Sequence[Change]]) -> dict[str, set[str]]:
    """Locks and reads what changed, and locks what that shows of others; returns the keys of the latter, by family.

    All transactions lock in one order: by the rank of the family, then by key. What is only shown is locked
    shared, together with that of other families; where keys of its own family changed too, it is locked as
    they are, because two strengths of lock in one family would take a statement for each turn between them.
    """
    shown: dict[str, set[str]] = {}
    waiting: list[str] = []  # to be locked shared, with or before the next
    for family in _by_rank():
        keys = shown.get(family, set())
        if own := families.get(family):
            if waiting:
                lock_keys(cursor, waiting, "SHARE")
                waiting = []
            _know(own, lock_keys(cursor, sorted(keys.union(change.key for change in own)), "UPDATE"))
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
        lock_keys(cursor, waiting, "SHARE")
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
        # what was loaded is announced as if for the first time, but to no reader: only its topics are noted
        change.known = Known(change.key, now.version) if change.loaded else now


def _rows(change: Change, events: Sequence[NewEvent]) -> tuple[list[Row], Known]:
    """Returns the outbox rows of new events, and what is known of the key from now on."""
    rows, topics, kind = [], change.known.topics, change.known.kind
    for event in events:
        if not change.loaded:
            at, left = _topics(event, change.known)
            rows.append(Row(event.kind, change.key, at, left, event.data, event.scrub))
        if event.lives:
            topics, kind = event.topics, event.kind
    return rows, Known(change.key, change.version, topics, kind)


def _topics(event: NewEvent, known: Known) -> tuple[Sequence[str], Sequence[str]]:
    """Returns all topics that the event goes to, and those among them that its object left."""
    if not event.lives:
        return event.topics, event.left
    left = [topic for topic in known.topics if topic not in event.topics]
    return [*event.topics, *left], left
