"""The declarations of this process, in the order in which their keys are locked."""

from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model

from realtime import kinds, publish
from realtime.errors import NotRegistered
from realtime.live.declaration import Live

Declaration = TypeVar("Declaration", bound=type[Live])

_declared: dict[str, Live] = {}


def declare(declaration: Declaration) -> Declaration:
    """Makes the model of a declaration live, when all apps are loaded."""
    live = declaration()
    known = _declared.setdefault(live.family, live)
    if type(known) is not declaration:
        raise ImproperlyConfigured(f"{live.family} is declared by {type(known).__name__} already.")
    return declaration


def declared() -> list[Live]:
    """Returns all declarations: each before those that it shows inside, which is the order of locks."""
    return sorted(_declared.values(), key=lambda live: live.rank)


def live_of(model: type[Model]) -> Live:
    """Returns the declaration of a model. Raises NotRegistered."""
    for live in _declared.values():
        if live.model is model:
            return live
    raise NotRegistered(f"{model.__name__} is not declared.")


def connect_declared() -> None:
    """Fills the registries and listens to the models. Called once, when all models and declarations are loaded."""
    by_model = {live.model: live for live in _declared.values()}
    for live in _declared.values():
        live.bind(by_model)
    for rank, live in enumerate(sorted(_declared.values(), key=lambda live: (-_height(live), live.family))):
        live.rank = rank
    for live in reversed(declared()):  # what is shown inside another is noted first
        for kind in live.kinds():
            kinds.register(kind)
        live.register_topics()
        publish.register(live.family, live)
        live.connect()


def _height(live: Live, *above: Live) -> int:
    """Returns how many declarations deep an object shows others inside.

    Locks are taken from the highest down, by all processes alike, so announcing never deadlocks.
    """
    if live in above:
        names = " > ".join(each.family for each in (*above, live))
        raise ImproperlyConfigured(f"{names}: shown inside itself, it could be locked in no order.")
    return max((1 + _height(part, *above, live) for part in live.embedded.values()), default=0)
