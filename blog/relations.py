"""The three relations that readers see, and how a change of their rows is noted.

Every way of changing them is heard, and each change is told once:

- `m2m_changed` tells of add(), remove(), set() and clear(), from both sides;
- the signals of the through rows tell of rows that are saved or deleted as such, and of those that go in a cascade;
- `bulk_made` and `bulk_changed` tell of bulk_create(), update() and bulk_update().

The first note of a part says what was there before; blog.events.net compares that with what is there at COMMIT.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import ManyToManyField, Model, QuerySet, prefetch_related_objects

from blog.announced import doomed
from blog.models import Authorship, Book, Like, Post, Tagging
from blog.state import book_author, tag_ref
from realtime.live.many_to_many import is_told, note_told
from realtime.publish import loaded, publish, publish_all


@dataclass(frozen=True)
class Relation:
    """A many-to-many field and the through model that holds it.

    `owner` and `part` are the names of the through model's two foreign keys: whose relation it is, and the
    other end. `name`: the attribute that names a part in events. `what`: how the part of a row is shown.
    """

    kind: str
    family: str
    field: "ManyToManyField[Any, Any]"
    through: type[Model]
    owner: str
    part: str
    name: str
    what: Callable[[Any], Any]

    def rows(self, **which: Any) -> "QuerySet[Any]":
        """Returns rows of the relation, each with its part."""
        return self.through._base_manager.filter(**which).select_related(self.part)

    def key(self, row: Any) -> str:
        """Returns the key of the object whose relation the row belongs to."""
        return f"{self.family}.{getattr(row, self.owner + '_id')}"

    def name_of(self, row: Any) -> Hashable:
        """Returns what names the row's part in events."""
        return getattr(row, f"{self.part}_id") if self.name == "pk" else getattr(getattr(row, self.part), self.name)

    def names(self, pks: set[Any]) -> Iterable[Hashable]:
        """Returns what names these parts in events."""
        if self.name == "pk" or not pks:
            return pks
        parts = self.field.related_model._base_manager.filter(pk__in=pks)
        names = dict(parts.order_by().values_list("pk", self.name))
        return [names[pk] for pk in pks if pk in names]

    def announce(self, row: Any, was: Any, using: str) -> None:
        """Notes what the row said of its part until now."""
        publish(self.kind, self.key(row), {self.name_of(row): was}, using=using)

    def announce_all(self, rows: Iterable[Any], was: Callable[[Any], Any], using: str) -> None:
        """Notes the same of many rows, in one pending change."""
        publish_all(self.kind, self.noted(rows, was), using)

    def noted(self, rows: Iterable[Any], was: Callable[[Any], Any]) -> dict[str, dict[Hashable, Any]]:
        """Returns by key, and then by the name of the part, what each row said of it until now."""
        keys: dict[str, dict[Hashable, Any]] = {}
        for row in rows:
            keys.setdefault(self.key(row), {})[self.name_of(row)] = was(row)
        return keys


def _field(model: type[Model], name: str) -> "ManyToManyField[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, ManyToManyField)
    return field


RELATIONS = (
    Relation("book.authors.changed", "book", _field(Book, "authors"), Authorship, "book", "author", "pk", book_author),
    Relation(
        "post.tags.changed", "post", _field(Post, "tags"), Tagging, "post", "tag", "slug", lambda row: tag_ref(row.tag)
    ),
    Relation("post.likes.changed", "post", _field(Post, "liked_by"), Like, "post", "user", "pk", lambda row: True),
)


def parts_change(
    relation: Relation, instance: Any, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
) -> None:
    """Notes, at pre_add, pre_remove and pre_clear of m2m_changed, what is there until now.

    A note from before stands whatever other receivers do until `post_`; and where the action fails, it goes
    with the transaction or savepoint that the action takes along.
    """
    if action == "pre_add":
        _parts_come(relation, instance, reverse, pk_set or set(), using)
    elif action in ("pre_remove", "pre_clear"):
        _parts_go(relation, instance, reverse, pk_set, using)


def _parts_come(relation: Relation, instance: Any, reverse: bool, pks: set[Any], using: str) -> None:
    """`pks` name those that are not there yet."""
    clears = note_told(instance, relation.through, pks)
    keys: dict[str, dict[Hashable, Any]] = {}
    if reverse:
        name = getattr(instance, relation.name)
        keys = {f"{relation.family}.{pk}": {name: None} for pk in pks}
    elif pks:
        keys = {f"{relation.family}.{instance.pk}": dict.fromkeys(relation.names(pks))}
    publish_all(relation.kind, keys, using, cleared=keys if clears else ())


def _parts_go(relation: Relation, instance: Any, reverse: bool, pks: set[Any] | None, using: str) -> None:
    """`pks` name the other ends of those that go, as far as they are there; None stands for all."""
    source, target = (relation.part, relation.owner) if reverse else (relation.owner, relation.part)
    which = {source: instance} if pks is None else {source: instance, f"{target}__in": pks}
    rows = list(relation.rows(**which))
    clears = note_told(instance, relation.through, [getattr(row, f"{target}_id") for row in rows])
    keys = relation.noted(rows, relation.what)
    cleared = keys if reverse else [f"{relation.family}.{instance.pk}"]
    publish_all(relation.kind, keys, using, cleared=cleared if clears else ())


def row_will_change(relation: Relation, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
    """pre_save: what the row says until now, where it says it."""
    if instance.pk is not None and not raw:
        for row in relation.rows(pk=instance.pk):
            relation.announce(row, relation.what(row), using)


def row_changed(relation: Relation, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
    """post_save: nothing was there, unless row_will_change said otherwise just before."""
    if raw:
        loaded(relation.key(instance), using=using)
    else:
        relation.announce(instance, None, using)


def row_goes(relation: Relation, instance: Any, using: str, origin: Any, **kwargs: Any) -> None:
    """pre_delete, also of each row that a cascade takes along. Those of remove() and clear() are told already."""
    if is_told(instance):
        return
    row, was = _doomed_rows(relation, origin).get(instance.pk, (instance, True))
    relation.announce(row, was, using)


def rows_change(relation: Relation, moment: str, pks: Iterable[Any], using: str, **kwargs: Any) -> None:
    """bulk_changed: what the rows say until now, and then that they say it elsewhere."""
    relation.announce_all(relation.rows(pk__in=pks), relation.what if moment == "before" else _nothing, using)


def rows_made(relation: Relation, rows: Sequence[Any], using: str, **kwargs: Any) -> None:
    """bulk_made: nothing was there. The rows of add() are told already."""
    untold = [row for row in rows if not is_told(row)]
    if relation.name != "pk":
        prefetch_related_objects(untold, relation.part)
    relation.announce_all(untold, _nothing, using)


def _nothing(row: Any) -> None:
    """What a row said before there was one."""


def _doomed_rows(relation: Relation, origin: Any) -> dict[Any, tuple[Any, Any]]:
    """The rows of the relation that a deletion takes along, as they are: one query for all of them.

    Where the owner itself goes nobody asks what it had.
    """
    kept = doomed(origin)
    if relation.kind not in kept:
        kept[relation.kind] = {row.pk: (row, relation.what(row)) for row in _taken(relation, origin)}
    return kept[relation.kind]


def _taken(relation: Relation, origin: Any) -> Iterable[Any]:
    many = isinstance(origin, QuerySet)
    model = origin.model if many else type(origin)
    which = origin.order_by().values("pk") if many else [origin.pk]
    if model is relation.through:
        return relation.rows(pk__in=which)
    if model is relation.through._meta.get_field(relation.part).related_model:
        return relation.rows(**{f"{relation.part}__in": which})
    return ()
