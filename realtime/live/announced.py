"""Announced models: whatever way a row changes, the change is announced or does not happen.

In autocommit Django sends post_save after the row is committed, so a receiver that then fails
would lose the announcement. These classes put every way of writing in a transaction, and give
`update`, `bulk_create` and `bulk_update`, which send no signals, signals of their own.
"""

from collections.abc import Iterable
from typing import Any

from django.db import NotSupportedError, models, router, transaction
from django.db.models.signals import ModelSignal

# Sent inside the transaction of an update, with `pks`: at the `moment` "before" the rows change, and "after".
bulk_changed = ModelSignal()
# Sent inside the transaction that made them, with the `rows`; also for the rows of a relation's add().
bulk_made = ModelSignal()


def doomed(origin: Any) -> dict[Any, Any]:
    """Returns what the receivers of one deletion keep for each other, on its origin, which pre_delete names to each."""
    kept: dict[Any, Any] = vars(origin).setdefault("_doomed", {})
    return kept


def newly_doomed(instance: models.Model, origin: Any) -> Iterable[Any]:
    """Returns the keys of all rows that a deletion takes along to the receiver of the first, and none to the others.

    So what hangs on a thousand rows is asked for in one question.
    """
    if not isinstance(origin, models.QuerySet) or origin.model is not type(instance):
        return [instance.pk]
    if doomed(origin).setdefault(type(instance), instance) is not instance:
        return []
    return origin.order_by().values("pk")


class AnnouncedQuerySet(models.QuerySet):  # type: ignore[type-arg]
    """Announces what its bulk operations touch."""

    def update(self, **values: Any) -> int:
        with transaction.atomic(using=self.db, savepoint=False):
            pks = list(self.order_by("pk").values_list("pk", flat=True))
            self._tell("before", pks)
            # by pk: a row that began to match since would be changed, but not announced
            count = models.QuerySet.update(self.order_by().filter(pk__in=pks), **values)
            self._tell("after", pks)
            return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        *args: Any,
        **kwargs: Any,
    ) -> list[Any]:
        if ignore_conflicts or update_conflicts:
            raise NotSupportedError(
                "PostgreSQL does not say which rows were there already, nor what they were, so this could not be"
                f" announced. Look first which of the {self.model._meta.verbose_name_plural} are there; then"
                " bulk_create() the others and bulk_update() these."
            )
        with transaction.atomic(using=self.db, savepoint=False):
            made = super().bulk_create(objs, batch_size, False, False, *args, **kwargs)
            if made:
                bulk_made.send(sender=self.model, rows=made, using=self.db)
            return made

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None) -> int:
        # Django's own goes through update(), batch by batch, so each batch tells for itself
        with transaction.atomic(using=self.db, savepoint=False):
            return super().bulk_update(objs, fields, batch_size)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        doomed(self).clear()
        return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _tell(self, moment: str, pks: list[Any]) -> None:
        if pks:
            bulk_changed.send(sender=self.model, moment=moment, pks=pks, using=self.db)


class Announced(models.Model):
    """The base of models whose saves and deletions are one transaction with their announcement."""

    objects = AnnouncedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save_base(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using, savepoint=False):
            super().save_base(*args, using=using, **kwargs)  # type: ignore[misc]

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        using = using or router.db_for_write(type(self), instance=self)
        doomed(self).clear()
        with transaction.atomic(using=using, savepoint=False):
            return super().delete(using=using, keep_parents=keep_parents)
