"""The three relations that readers see, and how a change of their rows is noted.

Their through models are ours, so every way of changing them passes here: add(), remove(), set() and
clear() from both sides, rows saved, deleted or written in bulk, and cascades. The first mark of a
part says what was there before; blog.events.net compares that with what is there at COMMIT.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet, prefetch_related_objects

from blog.announced import doomed
from blog.models import Authorship, Like, Tagging
from blog.state import book_author, tag_ref
from realtime.publish import loaded, publish, publish_all


@dataclass(frozen=True)
class Relation:
    """A through model: whose change it is (`owner`), the other end (`part`), and how a part is named and shown."""

    kind: str
    family: str
    through: type[Model]
    owner: str
    part: str
    name: Callable[[Any], Hashable]
    what: Callable[[Any], Any]

    def rows(self, **which: Any) -> Iterable[Any]:
        return self.through._base_manager.filter(**which).select_related(self.part)

    def key(self, row: Any) -> str:
        return f"{self.family}.{getattr(row, self.owner + '_id')}"

    def say(self, row: Any, was: Any, using: str) -> None:
        publish(self.kind, self.key(row), {self.name(row): was}, using=using)

    def say_all(self, rows: Iterable[Any], was: Callable[[Any], Any], using: str) -> None:
        """One mark, however many rows."""
        keys: dict[str, dict[Hashable, Any]] = {}
        for row in rows:
            keys.setdefault(self.key(row), {})[self.name(row)] = was(row)
        publish_all(self.kind, keys, using)


RELATIONS = (
    Relation("book.authors.changed", "book", Authorship, "book", "author", lambda row: row.author_id, book_author),
    Relation(
        "post.tags.changed", "post", Tagging, "post", "tag", lambda row: row.tag.slug, lambda row: tag_ref(row.tag)
    ),
    Relation("post.likes.changed", "post", Like, "post", "user", lambda row: row.user_id, lambda row: True),
)


def row_will_change(relation: Relation, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
    """pre_save: what the row says until now, where it says it."""
    if instance.pk is not None and not raw:
        for row in relation.rows(pk=instance.pk):
            relation.say(row, relation.what(row), using)


def row_changed(relation: Relation, instance: Any, using: str, raw: bool = False, **kwargs: Any) -> None:
    """post_save: nothing was there, unless row_will_change said otherwise just before."""
    if raw:
        loaded(relation.key(instance), using=using)
    else:
        relation.say(instance, None, using)


def row_goes(relation: Relation, instance: Any, using: str, origin: Any, **kwargs: Any) -> None:
    """pre_delete, also of each row that remove(), clear() and cascades take along."""
    row, was = _doomed_rows(relation, origin).get(instance.pk, (instance, True))
    relation.say(row, was, using)


def rows_change(relation: Relation, moment: str, pks: Iterable[Any], using: str, **kwargs: Any) -> None:
    """bulk_changed: what the rows say until now, and then that they say it elsewhere."""
    relation.say_all(relation.rows(pk__in=pks), relation.what if moment == "before" else _nothing, using)


def rows_made(relation: Relation, rows: Sequence[Any], using: str, **kwargs: Any) -> None:
    """bulk_made: nothing was there. add(), set() and create() from either side come here too."""
    if relation.through is Tagging:
        prefetch_related_objects(rows, relation.part)  # marks name a tag by its slug
    relation.say_all(rows, _nothing, using)


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
