"""A many-to-many relation of a live model: how a change of its rows is noted, and how it is told.

Every way of changing a relation is heard, and each change is told once:

- `m2m_changed` tells of add(), remove(), set() and clear(), from both sides;
- the rows' own signals tell of rows that are saved or deleted as such, and of those that a cascade takes along;
- bulk_made and bulk_changed tell of bulk_create(), update() and bulk_update().

The first note of a part says what was there before. What is there at COMMIT decides what is told (realtime.live.net).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import make_dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, get_type_hints

from django.core.exceptions import ImproperlyConfigured
from django.db.models import ManyToManyField, Model, QuerySet, prefetch_related_objects
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

from realtime.kinds import Kind
from realtime.live.announced import bulk_changed, bulk_made, doomed
from realtime.live.many_to_many import note_actions, note_told, untold
from realtime.live.net import Net, net
from realtime.live.receivers import on
from realtime.publish import Change, loaded, publish, publish_all


class Owner(Protocol):
    """The declaration that a relation belongs to."""

    model: ClassVar[type[Model]]
    State: ClassVar[type[Any]]
    fragments: ClassVar[Mapping[str, str]]

    @property
    def family(self) -> str:
        """The name before the dot of each key."""
        ...


class Part(Protocol):
    """The declaration of what stands at the other end."""

    id_field: ClassVar[str]

    def ref(self, row: Any) -> Any:
        """Returns how the object is shown inside others."""
        ...

    def key(self, id: Any) -> str:
        """Returns the key of the object with this id."""
        ...


class Relation:
    """A many-to-many field of a declaration's model, by its name.

    `word` is what the kind calls the relation, as `places` in `guest.places.changed`; the field's name by default.
    """

    def __init__(self, name: str, word: str = "") -> None:
        self.name = name
        self.word = word or name

    def bind(self, live: Owner, declared: "Mapping[type[Model], Part]") -> None:
        """Learns whose relation it is, and how its parts are declared, where they are."""
        self.live = live
        self.part = declared.get(self.field.related_model)

    @cached_property
    def field(self) -> "ManyToManyField[Any, Any]":
        """The model's field of that name. Raises ImproperlyConfigured."""
        options = self.live.model._meta
        found = {field.name: field for field in options.many_to_many}
        if self.name not in found:
            names = ", ".join(found) or "none"
            raise ImproperlyConfigured(f"{options.object_name} has no many-to-many field {self.name}; it has {names}.")
        return found[self.name]

    @cached_property
    def through(self) -> type[Model]:
        """The model of its rows."""
        through = self.field.remote_field.through
        assert through is not None
        return through

    @cached_property
    def owner(self) -> str:
        """The foreign key of a row to the object whose relation it is."""
        return self.field.m2m_field_name()

    @cached_property
    def target(self) -> str:
        """The foreign key of a row to the part."""
        return self.field.m2m_reverse_field_name()

    @cached_property
    def kind(self) -> str:
        """The kind of event that tells of its changes."""
        return f"{self.live.family}.{self.word}.changed"

    @cached_property
    def id_field(self) -> str:
        """The field of a part that its key, and its place in a list of changes, is made of."""
        return self.part.id_field if self.part else "pk"

    # how it is told

    def was(self, row: Any) -> Any:
        """Returns what a row says of its part, as lists of changes show it; the part is loaded with the row."""
        return self.part.ref(getattr(row, self.target)) if self.part else True

    def now(self, seen: Any, state: Any) -> Mapping[Any, Any]:
        """Returns what the parts that are there now show, by id."""
        if self.id_field == "pk":
            return {part.id: part for part in getattr(state, self.name)}
        return {getattr(part, self.id_field): part for part in getattr(state, self.name)}

    def effect(self, change: Change, seen: Any, state: Any) -> Net:
        """Returns what the whole transaction did to the relation."""
        return net(change.before.get(self.kind, {}), self.now(seen, state), self.kind in change.cleared)

    def data(self, change: Change, seen: Any, state: Any) -> Any:
        """Returns the data of the event that tells of a change; None where there is no net effect."""
        effect = self.effect(change, seen, state)
        if not effect:
            return None
        return self.data_type(
            self._label, effect.added, effect.removed, effect.changed, effect.cleared, effect.more, state
        )

    @cached_property
    def _label(self) -> str:
        return f"{self.live.family}.{self.word}"

    @cached_property
    def data_type(self) -> type[Any]:
        """What one transaction did to the relation in all, and the object as it is now."""
        shown = get_type_hints(self.live.State).get(self.name)  # tuple[NameRef, ...]: as the lists of changes are
        if shown is None:
            raise ImproperlyConfigured(f"{type(self.live).__name__}.State has no field {self.name} for its relation.")
        lists = [(name, shown) for name in ("added", "removed", "changed")]
        members = [("relation", str), *lists, ("cleared", bool), ("more", int), (self.live.family, self.live.State)]
        return make_dataclass(f"{self.word.title()}Changed", members, frozen=True, namespace={"__module__": __name__})

    def kinds(self) -> Iterable[Kind]:
        """Yields the kinds that tell of its changes."""
        yield Kind(self.kind, self.data_type, fragments=self.live.fragments, context=self.context)

    def context(self, data: Any) -> Mapping[str, Any]:
        """Returns what the object's own templates read."""
        return {self.live.family: getattr(data, self.live.family)}

    def members(self, owners: Sequence[Any]) -> dict[Any, list[str]]:
        """Returns the keys of the parts of each owner, by its primary key: one query, however many they are."""
        assert self.part is not None
        rows = self.through._base_manager.filter(**{f"{self.owner}__in": owners})
        order = self.through._meta.ordering or ("pk",)
        keys: dict[Any, list[str]] = {}
        for owner, id in rows.order_by(*order).values_list(self.owner, f"{self.target}__{self.id_field}"):
            keys.setdefault(owner, []).append(self.part.key(id))
        return keys

    # how it is noted

    def connect(self) -> None:
        """Listens to every way in which the rows change. Doing so again is harmless."""
        note_actions(self.field)
        for signal, what, receiver in (
            (m2m_changed, "are changed", self.are_changed),
            (pre_save, "will change", self.row_will_change),
            (post_save, "changed", self.row_changed),
            (pre_delete, "goes", self.row_goes),
            (bulk_changed, "change", self.rows_change),
            (bulk_made, "made", self.rows_made),
        ):
            on(signal, self.through, f"{self.kind}: {what}", receiver)

    def are_changed(
        self, instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
    ) -> None:
        """m2m_changed, before its rows change: add(), remove(), clear(), and through them set()."""
        if action == "pre_add":
            self._will_be_added(instance, reverse, pk_set or set(), using)
        elif action in ("pre_remove", "pre_clear"):
            self._will_go(instance, reverse, pk_set, using)

    def _will_be_added(self, instance: Any, reverse: bool, pks: set[Any], using: str) -> None:
        """`pks` are those that are not there yet."""
        clears = note_told(instance, self.through, pks)
        if reverse:
            name = getattr(instance, self.id_field)
            keys = {f"{self.live.family}.{pk}": {name: None} for pk in pks}
        else:
            keys = {f"{self.live.family}.{instance.pk}": dict.fromkeys(self._names(pks, using))} if pks else {}
        publish_all(self.kind, keys, using, cleared=keys if clears else ())

    def _names(self, pks: set[Any], using: str) -> Iterable[Any]:
        if self.id_field == "pk" or not pks:
            return pks
        parts = self.field.related_model._base_manager.using(using).filter(pk__in=pks)
        names = dict(parts.order_by().values_list("pk", self.id_field))
        return [names[pk] for pk in pks if pk in names]

    def _will_go(self, instance: Any, reverse: bool, pks: set[Any] | None, using: str) -> None:
        """`pks`: the other ends of those that go, where they are there; None: all."""
        source, target = (self.target, self.owner) if reverse else (self.owner, self.target)
        which = {source: instance} if pks is None else {source: instance, f"{target}__in": pks}
        rows = list(self.rows(using, **which))
        clears = note_told(instance, self.through, [getattr(row, f"{target}_id") for row in rows])
        keys = self._noted(rows, self.was)
        cleared = keys if reverse else (f"{self.live.family}.{instance.pk}",)
        publish_all(self.kind, keys, using, cleared=cleared if clears else ())

    def row_will_change(self, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
        """pre_save: what the row says until now, where it says it."""
        if instance.pk is not None and not raw:
            publish_all(self.kind, self._noted(self.rows(using, pk=instance.pk), self.was), using)

    def row_changed(self, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
        """post_save: nothing was there, unless row_will_change said otherwise just before."""
        if raw:
            loaded(self._key(instance), using=using)
        else:
            publish(self.kind, self._key(instance), {self._name(instance): None}, using=using)

    def row_goes(self, instance: Any, using: str, origin: Any, **kwargs: Any) -> None:
        """pre_delete, also of each row that a cascade takes along."""
        if not untold([instance]):
            return
        row, was = self._doomed_rows(origin, using).get(instance.pk, (instance, True))
        publish(self.kind, self._key(row), {self._name(row): was}, using=using)

    def rows_change(self, moment: str, pks: Iterable[Any], using: str, **kwargs: Any) -> None:
        """bulk_changed: what the rows say until now, and then that they say it elsewhere."""
        was = self.was if moment == "before" else _nothing
        publish_all(self.kind, self._noted(self.rows(using, pk__in=pks), was), using)

    def rows_made(self, rows: Sequence[Any], using: str, **kwargs: Any) -> None:
        """bulk_made: nothing was there."""
        rows = untold(rows)
        if self.id_field != "pk":
            prefetch_related_objects(rows, self.target)
        publish_all(self.kind, self._noted(rows, _nothing), using)

    def rows(self, using: str, **which: Any) -> "QuerySet[Any]":
        """Returns rows of the relation with their parts."""
        return self.through._base_manager.using(using).filter(**which).select_related(self.target)

    def _noted(self, rows: Iterable[Any], was: Callable[[Any], Any]) -> dict[str, dict[Hashable, Any]]:
        keys: dict[str, dict[Hashable, Any]] = {}
        for row in rows:
            keys.setdefault(self._key(row), {})[self._name(row)] = was(row)
        return keys

    def _key(self, row: Any) -> str:
        return f"{self.live.family}.{getattr(row, f'{self.owner}_id')}"

    def _name(self, row: Any) -> Hashable:
        name: Hashable = (
            getattr(row, f"{self.target}_id")
            if self.id_field == "pk"
            else getattr(getattr(row, self.target), self.id_field)
        )
        return name

    def _doomed_rows(self, origin: Any, using: str) -> dict[Any, tuple[Any, Any]]:
        """Returns the rows that a deletion takes along, as they are: one query for all of them.

        None where the owner itself goes: its own event tells that.
        """
        kept = doomed(origin)
        if self.kind not in kept:
            kept[self.kind] = {row.pk: (row, self.was(row)) for row in self._taken(origin, using)}
        rows: dict[Any, tuple[Any, Any]] = kept[self.kind]
        return rows

    def _taken(self, origin: Any, using: str) -> Iterable[Any]:
        many = isinstance(origin, QuerySet)
        model = origin.model if many else type(origin)
        which = origin.order_by().values("pk") if many else [origin.pk]
        if model is self.through:
            return self.rows(using, pk__in=which)
        if model is self.field.related_model:
            return self.rows(using, **{f"{self.target}__in": which})
        return ()


def _nothing(row: Any) -> None:
    """Returns what a row said before there was one."""
