"""Kinds of events: the shape of their data and the templates that show it.

Filled by the declarations of realtime.live. A kind names its templates as strings; the edge renders them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.utils.functional import Promise

from realtime.errors import NotRegistered

Context = Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One sort of event, and how its data is shown.

    `family`: of several events of one key and family, recovery sends the newest only. `fragments`: a template
    for each name. `context` returns the template's variables for the data.
    """

    name: str
    data: type
    family: str = "state"
    fragments: Mapping[str, str] = field(default_factory=dict)
    context: Context = lambda data: {}


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Makes a kind known. Registering the same again is harmless."""
    if _kinds.setdefault(kind.name, kind) != kind:
        raise NotRegistered(f"The kind {kind.name} is registered already, differently.")


def get(name: str) -> Kind:
    """Returns the kind of that name. Raises NotRegistered."""
    try:
        return _kinds[name]
    except KeyError:
        raise NotRegistered(f"No kind {name} is registered.") from None


def all_kinds() -> Iterator[Kind]:
    """Yields every kind that is registered."""
    yield from _kinds.values()


def _plain(value: Any) -> str:
    """Returns text that is more than str, such as safe markup or a lazy translation, as it is encoded."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Promise):
        return _plain(str(value))
    raise TypeError(f"An event cannot carry a {type(value).__name__}.")


_encoder = msgspec.json.Encoder(enc_hook=_plain)


def encode(data: Any) -> bytes:
    """Returns the JSON of an event's data."""
    return _encoder.encode(data)


def decode(kind: Kind, data: bytes) -> Any:
    """Returns the data of an event as the frozen dataclass that its kind names. Unknown members are dropped."""
    return msgspec.json.decode(data, type=kind.data)
