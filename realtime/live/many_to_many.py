"""Which rows of a many-to-many relation `m2m_changed` tells of, so that their own signals stay quiet.

With a custom through model, Django's add() makes the rows by bulk_create(), and remove() and clear() delete
them as a queryset: both send signals of the rows between `pre_` and `post_` of m2m_changed. A change is told
once: by m2m_changed where one of these methods makes it, by the rows where anything else does.

So the relation's managers note which of their methods is under way. The note is kept in a context variable
and taken back in a `finally`: it belongs to one thread or coroutine, outlives no exception, and says of which
rows it speaks, so that rows which a receiver changes meanwhile still speak for themselves.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db.models import ManyToManyField, Model


@dataclass
class RelationAction:
    """An add(), remove(), clear() or set() of one object's relation, while it is under way.

    `source` and `target` are the attributes of a row that name this object and the other one. `told` has the
    other ends of the rows that a receiver of m2m_changed has told of; None until one has heard `pre_`.
    `clears`: clear() or set(clear=True).
    """

    instance: Model
    through: type[Model]
    source: str
    target: str
    value: Any
    clears: bool = False
    told: Collection[Any] | None = None

    def untold(self, rows: Iterable[Model]) -> list[Model]:
        """Returns those of the rows that m2m_changed does not tell of."""
        through, source, value, target, told = self.through, self.source, self.value, self.target, self.told
        return [
            row
            for row in rows
            if type(row) is not through
            or getattr(row, source) != value
            or (told is not None and getattr(row, target) not in told)
        ]


_under_way: ContextVar[tuple[RelationAction, ...]] = ContextVar("many_to_many_actions", default=())


def untold(rows: Sequence[Model]) -> Sequence[Model]:
    """Returns those of the rows that no action under way tells of, so that their own signals have to."""
    for action in reversed(_under_way.get()):
        if rows:
            rows = action.untold(rows)
    return rows


def note_told(instance: Model, through: type[Model], targets: Iterable[Any]) -> bool:
    """Notes what a receiver of `pre_add`, `pre_remove` or `pre_clear` has told of.

    Returns whether the action clears the relation, or is part of a set(clear=True) that does.
    """
    actions = [each for each in _under_way.get() if each.instance is instance and each.through is through]
    if actions:
        actions[-1].told = set(targets)
    return any(each.clears for each in actions)


@contextmanager
def _acting(manager: Any, clears: bool = False, told: Collection[Any] | None = None) -> Iterator[None]:
    action = RelationAction(
        instance=manager.instance,
        through=manager.through,
        source=manager.source_field.attname,
        target=manager.target_field.attname,
        value=manager.related_val[0],
        clears=clears,
        told=told,
    )
    token = _under_way.set((*_under_way.get(), action))
    try:
        yield
    finally:
        _under_way.reset(token)


class NotingManager:
    """The base that is put before the class of a relation's managers: notes which of its methods is under way."""

    def add(self, *objs: Any, through_defaults: Any = None) -> None:
        """Adds objects to the relation."""
        with _acting(self):
            super().add(*objs, through_defaults=through_defaults)  # type: ignore[misc]

    add.alters_data = True  # type: ignore[attr-defined]

    def remove(self, *objs: Any) -> None:
        """Removes objects from the relation."""
        with _acting(self):
            super().remove(*objs)  # type: ignore[misc]

    remove.alters_data = True  # type: ignore[attr-defined]

    def clear(self) -> None:
        """Removes all objects from the relation."""
        with _acting(self, clears=True):
            super().clear()  # type: ignore[misc]

    clear.alters_data = True  # type: ignore[attr-defined]

    def set(self, objs: Any, *, clear: bool = False, through_defaults: Any = None) -> None:
        """Makes the relation consist of these objects."""
        # it tells of no row itself: it calls the three above
        with _acting(self, clears=clear, told=frozenset()):
            super().set(objs, clear=clear, through_defaults=through_defaults)  # type: ignore[misc]

    set.alters_data = True  # type: ignore[attr-defined]


def note_actions(field: "ManyToManyField[Any, Any]") -> None:
    """Makes the managers of both sides of a relation note what they do. Doing so again is harmless.

    The descriptors' `related_manager_cls` is not documented API; tests/blog/test_announcing.py is the contract.
    """
    for model, name in ((field.model, field.name), (field.related_model, field.remote_field.get_accessor_name())):
        descriptor: Any = getattr(model, name, None) if name else None
        if descriptor is not None and not issubclass(descriptor.related_manager_cls, NotingManager):
            manager = descriptor.related_manager_cls
            vars(descriptor)["related_manager_cls"] = type(manager.__name__, (NotingManager, manager), {})
