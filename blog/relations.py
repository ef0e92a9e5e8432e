"""The three relations that readers see, and how a change of their rows is noted.

Their through models are ours, so every way of changing them passes here: add(), remove(), set() and
clear() from both sides, rows saved, deleted or written in bulk, and cascades. The first mark of a
part says what was there before; blog.events.net compares that with what is there at COMMIT.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet

from blog.models import Authorship, Like, Tagging
from blog.state import book_author, tag_ref
from realtime.publish import loaded, publish


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
    row, was = _doomed(relation, origin).get(instance.pk, (instance, True))
    relation.say(row, was, using)


def rows_change(relation: Relation, moment: str, pks: Iterable[Any], using: str, **kwargs: Any) -> None:
    """bulk_changed: rows made or updated by the announced managers. add() makes its rows so too."""
    for row in relation.rows(pk__in=pks):
        relation.say(row, relation.what(row) if moment == "before" else None, using)


def _doomed(relation: Relation, origin: Any) -> dict[Any, tuple[Any, Any]]:
    """The rows of the relation that a deletion takes along, as they are: one query for all of them.

    Kept on the deletion's origin, which pre_delete hands to each row's handler. Where the owner
    itself goes nobody asks what it had.
    """
    kept = vars(origin).setdefault("_doomed", {})
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
