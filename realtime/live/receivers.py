"""The receivers by which a declaration hears of its rows. They only note what changes; events are built at COMMIT."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol

from django.db.models import CASCADE, ForeignKey, Model
from django.db.models.signals import ModelSignal, post_save, pre_delete

from realtime.live.announced import bulk_changed, bulk_made, newly_doomed
from realtime.publish import loaded, publish, publish_all

senders: set[type[Model]] = set()  # each must save in a transaction: realtime.live.checks


def on(signal: ModelSignal, sender: type[Model], what: str, receiver: Any) -> None:
    """Connects a receiver for one model. `what` names it, so that connecting it again is harmless."""
    senders.add(sender)
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=f"live.{sender._meta.label}.{what}")


class Declared(Protocol):
    """What the receivers read of a declaration."""

    model: ClassVar[type[Model]]
    parts: ClassVar[Mapping[type[Model], str]]
    sources: ClassVar[Mapping[str, str]]
    id_field: ClassVar[str]
    announces_deletion: ClassVar[bool]

    @property
    def family(self) -> str:
        """The name before the dot of each key."""
        ...

    @property
    def embedded(self) -> Mapping[str, "Declared"]:
        """The declarations that are shown inside this one, by field of the state."""
        ...

    def kind(self, word: str) -> str:
        """Returns the name of a kind."""
        ...

    def key(self, id: Any) -> str:
        """Returns the key of the object with this id."""
        ...


class ModelReceivers:
    """Hears of every way in which the rows of a declared model, and of its parts, change."""

    def __init__(self, live: Declared) -> None:
        self.live = live

    def connect(self) -> None:
        """Connects them. Doing so again is harmless."""
        live = self.live
        self._listen(live.model, live.id_field, deletions=live.announces_deletion)
        for model, attribute in live.parts.items():
            self._listen(model, attribute)
        for name, shown in live.embedded.items():
            field = live.model._meta.get_field(live.sources.get(name, name))
            if isinstance(field, ForeignKey) and field.remote_field.on_delete is not CASCADE:
                on(pre_delete, shown.model, f"{live.family}.{name} goes", partial(self._shown_goes, field.name))

    def _listen(self, sender: type[Model], attribute: str, deletions: bool = True) -> None:
        """Connects the rows of a model, each of which has the id of an object in an attribute."""
        family = self.live.family
        on(post_save, sender, f"{family}: saved", partial(self._saved, attribute))
        on(bulk_changed, sender, f"{family}: changed", partial(self._changed, attribute))
        on(bulk_made, sender, f"{family}: made", partial(self._made, attribute))
        if deletions:
            on(pre_delete, sender, f"{family}: goes", partial(self._goes, attribute))

    def _saved(self, attribute: str, instance: Model, using: str, raw: bool = False, **kwargs: Any) -> None:
        """post_save. What loaddata saves (raw) is announced to no reader."""
        key = self.live.key(getattr(instance, attribute))
        if raw:
            loaded(key, using=using)
        else:
            publish(self.live.kind("updated"), key, using=using)

    def _changed(self, attribute: str, sender: type[Model], pks: Iterable[Any], using: str, **kwargs: Any) -> None:
        """bulk_changed: what update() and bulk_update() touch."""
        rows = sender._base_manager.using(using).filter(pk__in=pks)
        self._note(pks if attribute == "pk" else rows.values_list(attribute, flat=True), using)

    def _made(self, attribute: str, rows: Iterable[Model], using: str, **kwargs: Any) -> None:
        """bulk_made: what bulk_create() made."""
        self._note((getattr(row, attribute) for row in rows), using)

    def _goes(self, attribute: str, instance: Model, using: str, **kwargs: Any) -> None:
        """pre_delete of the object itself, or of a row that it shows."""
        self._note([getattr(instance, attribute)], using)

    def _shown_goes(self, field: str, instance: Model, using: str, origin: Any, **kwargs: Any) -> None:
        """pre_delete of what objects show by a foreign key: they stay, without it."""
        rows = self.live.model._base_manager.using(using).filter(**{f"{field}__in": newly_doomed(instance, origin)})
        self._note(rows.order_by().values_list(self.live.id_field, flat=True), using)

    def _note(self, ids: Iterable[Any], using: str) -> None:
        """Notes that the objects of these ids changed: one pending change, however many they are."""
        publish_all(self.live.kind("updated"), {self.live.key(id): {} for id in ids}, using)
