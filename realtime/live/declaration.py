"""The declaration by which the objects of a model become live.

    @declare
    class GuestLive(Live):
        model = Guest
        topics = "guests", "guest.{id}"
        relations = ("places",)
        fragments = {"row": "guestbook/guest.html"}

        @dataclass(frozen=True)
        class State:
            id: int
            name: str
            places: tuple[PlaceLive.Ref, ...]
            version: int

From it follow the key `guest.<id>`, the kinds `guest.published`, `guest.updated`, `guest.withdrawn`,
`guest.restored` and `guest.places.changed`, the topics, the state that pages and events show, and the signals
by which it is announced. What a domain needs beyond that overrides one method.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from string import Formatter
from typing import Any, ClassVar, NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet, prefetch_related_objects
from django.utils import timezone

from realtime import log
from realtime.kinds import Kind
from realtime.live.receivers import ModelReceivers
from realtime.live.relation import Relation
from realtime.publish import Change, NewEvent, load_embedded
from realtime.tickets import Reader
from realtime.topics import register as register_topic


@dataclass(frozen=True)
class Withdrawn:
    """What is left to say of something withdrawn: nothing of its text."""

    id: int | str
    withdrawn: datetime
    reason: str
    deleted: bool
    version: int


class ReadRow(NamedTuple):
    """An object as it was read. `embedded`: by field of the state, the keys of the others that it shows there."""

    row: Any
    embedded: Mapping[str, Sequence[str]]


class Live:
    """The base of declarations: how the objects of one model are announced, and what is shown of them.

    `State`: a frozen dataclass that is read from the model field by field; `version` and `url` are filled in.
    A field that is named as one of `relations`, or as a foreign key, to a model that is declared too, shows
    the others by their `Ref`; `sources` names the model's field where it is called otherwise. `topics`: where
    an object lives, with fields of the state in braces. `fragments` and `tombstone`: templates by the
    fragment's name, of what is there and of what was withdrawn. `parts`: other models whose rows the state
    shows, each with the attribute that has the object's id. `id_field`: what the key is made of.
    `announces_deletion`: whether its deletion is an event of its own.
    """

    model: ClassVar[type[Model]]
    State: ClassVar[type[Any]]
    Ref: ClassVar[type[Any] | None] = None
    topics: ClassVar[Sequence[str]] = ()
    relations: ClassVar[Sequence[str | Relation]] = ()
    sources: ClassVar[Mapping[str, str]] = {}
    fragments: ClassVar[Mapping[str, str]] = {}
    tombstone: ClassVar[Mapping[str, str]] = {}
    parts: ClassVar[Mapping[type[Model], str]] = {}
    id_field: ClassVar[str] = "pk"
    announces_deletion: ClassVar[bool] = True

    rank = 0  # place in the order of locks, by realtime.live.registry

    @cached_property
    def family(self) -> str:
        """The name before the dot of each key."""
        return str(self.model._meta.model_name)

    @cached_property
    def _withdrawn(self) -> str:
        return self.kind("withdrawn")

    @cached_property
    def _updated(self) -> str:
        return self.kind("updated")

    def kind(self, word: str) -> str:
        """Returns the name of a kind: `guest.updated` for `updated`."""
        return f"{self.family}.{word}"

    def bind(self, declared: "Mapping[type[Model], Live]") -> None:
        """Learns of all declarations: which of them are shown inside this one. Raises ImproperlyConfigured."""
        for attribute in ("topics", "relations"):
            if isinstance(getattr(self, attribute), str):
                raise ImproperlyConfigured(f"{type(self).__name__}.{attribute} is a text: write a tuple, with a comma.")
        self.own_relations = tuple(Relation(each) if isinstance(each, str) else each for each in self.relations)
        for relation in self.own_relations:
            relation.bind(self, declared)
        shown = {name: declared.get(model) for name, model in related_models(self).items()}
        self.embedded: dict[str, Live] = {name: live for name, live in shown.items() if live and live.Ref}

    # what is registered

    def kinds(self) -> Iterator[Kind]:
        """Yields the kinds of events that tell of these objects."""
        for word in ("published", "updated", "restored"):
            yield Kind(self.kind(word), self.State, fragments=self.fragments, context=self.context)
        for relation in self.own_relations:
            yield from relation.kinds()
        yield Kind(self.kind("withdrawn"), Withdrawn, fragments=self.tombstone, context=gone_context)

    def context(self, data: Any) -> Mapping[str, Any]:
        """Returns the variables that a fragment's template reads, of an event's data."""
        return {self.family: data}

    def may_read(self, reader: Reader, topic: str) -> bool:
        """Returns whether a reader may follow one of the topics. Where it is not overridden, they are public."""
        return True

    def register_topics(self) -> None:
        """Makes the families of the topics known, each with who may follow it."""
        may_read = None if type(self).may_read is Live.may_read else self.may_read
        for topic in self.topics:
            family, dot, _ = topic.partition(".")
            register_topic(family, may_read, single=not dot)

    def connect(self) -> None:
        """Listens to every way in which the rows of the model, of its parts and of its relations change."""
        ModelReceivers(self).connect()
        for relation in self.own_relations:
            relation.connect()

    def key(self, id: Any) -> str:
        """Returns the key of the object with this id."""
        return f"{self.family}.{id}"

    # what there is

    def read(self, changes: Sequence[Change]) -> Mapping[str, Any]:
        """Returns what each changed object has of its own, by id. Called under the locks of their keys."""
        ids = [change.id for change in changes]
        rows = list(self.model._base_manager.filter(**{f"{self.id_field}__in": ids}))
        return {str(getattr(seen.row, self.id_field)): seen for seen in self.see(rows)}

    def see(self, rows: Sequence[Any]) -> list[ReadRow]:
        """Returns rows with the keys of what they show: a query for each relation, however many rows they are."""
        relations = {relation.name: relation for relation in self.own_relations}
        keys: dict[str, Mapping[Any, Sequence[str]]] = {}
        for name, live in self.embedded.items():
            source = self.sources.get(name, name)
            if name in relations:
                keys[name] = relations[name].members([row.pk for row in rows])
            else:
                keys[name] = _foreign_keys(rows, source, live)
        return [ReadRow(row, {name: found.get(row.pk, ()) for name, found in keys.items()}) for row in rows]

    def embedded_keys(self, seen: Any) -> Iterable[str]:
        """Returns the keys of the others that an object shows inside."""
        return (key for keys in seen.embedded.values() for key in keys) if self.embedded else ()

    def load_embedded(self, ids: Sequence[str]) -> Mapping[str, Any]:
        """Returns how objects are shown inside others, by id."""
        rows = self.model._base_manager.filter(**{f"{self.id_field}__in": ids})
        return {str(getattr(row, self.id_field)): self.ref(row) for row in rows}

    def ref(self, row: Any) -> Any:
        """Returns how an object is shown inside others."""
        assert self.Ref is not None
        return self.Ref(**{field.name: value_of(row, field.name) for field in fields(self.Ref)})

    def state_of(self, seen: Any, version: int, shown: Mapping[str, Any]) -> Any:
        """Returns the state of an object that was read. `shown`: by key, how others are shown inside it."""
        values: dict[str, Any] = {}
        for field in fields(self.State):
            name = field.name
            if name == "version":
                values[name] = version
            elif name in self.embedded:
                found = [shown[key] for key in seen.embedded[name] if key in shown]
                many = any(relation.name == name for relation in self.own_relations)
                values[name] = tuple(found) if many else next(iter(found), None)
            else:
                values[name] = value_of(seen.row, name)
        return self.State(**values)

    def states(self, queryset: "QuerySet[Any]") -> list[Any]:
        """Returns the states of objects, in the queryset's order, for a page: as events carry them."""
        rows = list(queryset.annotate(announced_version=log.version_of(self.family, self.id_field)))
        found = self.see(rows)
        shown = load_embedded({key for seen in found for key in self.embedded_keys(seen)})
        return [self.state_of(seen, seen.row.announced_version, shown) for seen in found]

    # how a change is told

    def is_public(self, seen: Any) -> bool:
        """Returns whether the object is announced at all; one that is no longer was withdrawn."""
        return True

    def was_public(self, change: Change) -> bool:
        """Returns whether the object was announced before, and not withdrawn since."""
        return change.known.kind not in ("", self._withdrawn)

    def topics_of(self, state: Any) -> Sequence[str]:
        """Returns the topics that an object lives on."""
        return [topic(state) for topic in self._topics]

    @cached_property
    def _topics(self) -> list[Callable[[Any], str]]:
        """Taken apart once: an event is built for each of thousands of objects."""
        return [_topic(template) for template in self.topics]

    def gone(self, change: Change) -> Any:
        """Returns what is left to say of an object that is not public any more."""
        id = self.model._meta.pk.to_python(change.id) if self.id_field == "pk" else change.id
        return Withdrawn(
            id if isinstance(id, int) else str(id), timezone.now(), "", change.state is None, change.version
        )

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        """Yields the events that a change makes: what the whole transaction did to the object, in all."""
        was_public = self.was_public(change)
        if change.state is None or not self.is_public(change.state):
            if was_public:
                # scrub: no cursor, however old, brings the text back
                yield NewEvent(self._withdrawn, [change.key], self.gone(change), scrub=True)
            return
        state = self.state_of(change.state, change.version, change.embedded)
        topics = self.topics_of(state)
        if not was_public:
            # what else was set in the same transaction folds into this
            yield NewEvent(
                self.kind("restored" if change.known.kind == self._withdrawn else "published"), topics, state
            )
            return
        if self._updated in change.kinds:
            yield NewEvent(self._updated, topics, state)
        for relation in self.own_relations:
            if data := relation.data(change, change.state, state):
                yield NewEvent(relation.kind, topics, data)


def gone_context(data: Any) -> Mapping[str, Any]:
    """Returns what a tombstone's template reads."""
    return {"gone": data}


def value_of(row: Any, name: str) -> Any:
    """Returns what a state says of a row under this name: an attribute, or its address for `url`."""
    return row.get_absolute_url() if name == "url" else getattr(row, name)


def _topic(template: str) -> Callable[[Any], str]:
    """Returns what makes a topic of a state."""
    parsed = [(text, name) for text, name, _, _ in Formatter().parse(template)]
    pieces = [(text, attrgetter(name) if name else None) for text, name in parsed]
    return lambda state: "".join(f"{text}{read(state)}" if read else text for text, read in pieces)


def related_models(live: Live) -> dict[str, type[Model]]:
    """Returns the models that fields of the state point to, by the field's name."""
    options = live.model._meta
    related = {field.name: field.related_model for field in (*options.fields, *options.many_to_many)}
    names = {field.name: live.sources.get(field.name, field.name) for field in fields(live.State)}
    return {name: model for name, source in names.items() if isinstance(model := related.get(source), type)}


def _foreign_keys(rows: Sequence[Any], name: str, live: Live) -> dict[Any, Sequence[str]]:
    """Returns by primary key what each row's foreign key points to; one query where that is not in the row."""
    if live.id_field == "pk":
        attribute = f"{name}_id"
        return {row.pk: (live.key(getattr(row, attribute)),) for row in rows if getattr(row, attribute) is not None}
    prefetch_related_objects(rows, name)
    return {row.pk: (live.key(getattr(one, live.id_field)),) for row in rows if (one := getattr(row, name))}
