"""Frames: what the server says, as docs/protocol.md shows it, byte for byte.

An event is encoded once per format and language, however many sockets it goes to. Its fragments are
rendered from the event's own data, by the templates that its kind names.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import msgspec
from django.template.loader import render_to_string
from django.utils import translation

from realtime import kinds
from realtime.errors import NotRegistered
from realtime.log import Event
from realtime.position import Position

logger = logging.getLogger(__name__)

Format = Literal["json", "html"]
PROTOCOL = 1
HEARTBEAT = 25  # seconds of silence at most; home routers cut a silent socket at 30-60
SCRUBBED = b'{"scrubbed":true}'

_encode = msgspec.json.Encoder().encode


def stamp(time: datetime) -> str:
    """A moment on the wire: UTC, milliseconds, Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Frame(msgspec.Struct, tag_field="type", frozen=True):
    """One JSON object from the server; its members in the order of the protocol."""

    def encoded(self) -> bytes:
        return _encode(self)


class Welcome(Frame, tag="welcome", frozen=True):
    protocol: int
    epoch: str
    heartbeat: int


class Hello(Frame, tag="hello", frozen=True):
    user: int | None
    name: str | None
    format: Format
    language: str
    expires: str | None


class Refused(msgspec.Struct, frozen=True):
    topic: str
    code: str


class Subscribed(Frame, tag="subscribed", frozen=True):
    topics: list[str]
    refused: list[Refused]
    position: str
    recovered: bool
    missed: int


class Unsubscribed(Frame, tag="unsubscribed", frozen=True):
    topics: list[str]
    code: Literal["asked", "forbidden"]


class Reset(Frame, tag="reset", frozen=True):
    topics: list[str]
    position: str
    missed: int | None
    reason: str


class Pong(Frame, tag="pong", frozen=True):
    position: str


class Heartbeat(Frame, tag="heartbeat", frozen=True):
    position: str


class Leaving(Frame, tag="leaving", frozen=True):
    reconnect_in: tuple[int, int]  # milliseconds: the readers come back at random between the two


class Error(Frame, tag="error", frozen=True):
    code: str
    detail: str


class _Place(Frame, tag="event", frozen=True):
    """The first half of an event's frame: where it stands."""

    position: str
    topics: tuple[str, ...]
    left: tuple[str, ...]


class _Fact(msgspec.Struct, frozen=True):
    """The second half: what happened. The same for everybody who reads in one format and language."""

    kind: str
    key: str
    time: str
    data: msgspec.Raw
    html: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Variant(NamedTuple):
    """The form in which a reader gets events. JSON has no language."""

    format: Format
    language: str


JSON = Variant("json", "")


class Entry:
    """An event with the frames made of it, when somebody wants them. Rendered on the tail's thread, read on the loop.

    An edge on which nobody follows, and whoever reads only to remember, decodes nothing.
    """

    __slots__ = ("_facts", "counted", "epoch", "event")

    def __init__(self, event: Event, epoch: str) -> None:
        self.epoch = epoch
        self.event = event
        self.counted = 0  # bytes that the ring has on its account for this entry
        self._facts: dict[Variant, bytes] = {}

    @property
    def offset(self) -> int:
        return self.event.offset

    @property
    def family(self) -> str:
        """The kind's; a kind that this process does not know is a family of its own."""
        try:
            return kinds.get(self.event.kind).family
        except NotRegistered:
            return self.event.kind

    @property
    def withdraws(self) -> bool:
        """Whether it takes the text of its object back."""
        return self.event.kind.endswith(".withdrawn")

    @property
    def size(self) -> int:
        """Bytes that this entry keeps in memory, about: a frame of JSON is as long as its data, and may be made."""
        size = 600 + 2 * len(self.event.data)
        if self._facts:
            size += sum(len(fact) for variant, fact in self._facts.items() if variant != JSON)
        return size

    def has(self, variant: Variant) -> bool:
        """Whether its frame costs next to nothing: it is made, or nothing has to be rendered for it."""
        return variant == JSON or variant in self._facts

    def prepare(self, variant: Variant) -> bytes:
        """Makes the frame of this variant, but for its place, once. What is rendered belongs on the tail's thread."""
        facts, event = self._facts, self.event  # in this order: scrub() replaces them in the other
        if variant not in facts:
            facts[variant] = _fact(event, variant)
        return facts[variant]

    def scrub(self) -> None:
        """Forgets the text: its object was withdrawn. What is being rendered meanwhile goes nowhere."""
        self.event = self.event._replace(data=SCRUBBED)
        self._facts = {}

    def frame(self, variant: Variant, also_left: tuple[str, ...] = ()) -> bytes:
        """The frame; `also_left` are topics that skipped events said this object left."""
        event, fact = self.event, self.prepare(variant)
        position = str(Position(self.epoch, event.offset))
        place = _Place(position, event.topics + also_left, event.left + also_left).encoded()
        return place[:-1] + b"," + fact[1:]


def _fact(event: Event, variant: Variant) -> bytes:
    """What happened. The data come with their members in the order of the kind's dataclass: jsonb has its own.

    What this process cannot decode (a newer one wrote it, or it was scrubbed) goes out as it is: one odd
    event must not stop the line.
    """
    kind, value, data = None, None, event.data
    try:
        kind = kinds.get(event.kind)
        if _is_scrubbed(data):
            data = SCRUBBED
        else:
            value = kinds.decode(kind, data)
            data = kinds.encode(value)
    except NotRegistered:
        logger.warning("An event of the unknown kind %s goes out undecoded.", event.kind)
    except msgspec.DecodeError as error:
        logger.error("The data of %s (%s) at %s cannot be decoded: %s", event.key, event.kind, event.offset, error)
    html: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    if variant.format == "html":
        html = {} if kind is None or value is None else _fragments(kind, value, variant.language)
    return _encode(_Fact(event.kind, event.key, stamp(event.time), msgspec.Raw(data), html))


def _is_scrubbed(data: bytes) -> bool:
    return len(data) < 24 and bool(msgspec.json.decode(data) == {"scrubbed": True})


def _fragments(kind: kinds.Kind, value: Any, language: str) -> dict[str, str]:
    """The fragments of the event's object by name; none where the text is gone or the kind has none."""
    context = kind.context(value)
    with translation.override(language):
        return {name: text for name, template in kind.fragments.items() if (text := _render(template, context))}


def _render(template: str, context: Mapping[str, Any]) -> str:
    try:
        return render_to_string(template, dict(context)).strip()
    except Exception:  # whatever a template raises: it costs this fragment, never the line for everybody
        logger.exception("The fragment %s could not be rendered.", template)
        return ""
