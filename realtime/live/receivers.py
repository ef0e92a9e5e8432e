"""The signals that announcing listens to. Receivers only note what changes; it is told just before COMMIT."""

from typing import Any

from django.db.models import Model
from django.db.models.signals import ModelSignal

senders: set[type[Model]] = set()  # each must save in a transaction: realtime.live.checks


def on(signal: ModelSignal, sender: type[Model], what: str, receiver: Any) -> None:
    """Connects a receiver for one model. `what` names it: connecting it again is harmless."""
    senders.add(sender)
    signal.connect(receiver, sender=sender, weak=False, dispatch_uid=f"live.{sender._meta.label}.{what}")
