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
    """An event with the frames made of it. Made on the tail's thread; read on the loop and there."""

    __slots__ = ("_facts", "counted", "epoch", "event", "family")

    def __init__(self, event: Event, epoch: str) -> None:
        self.epoch = epoch
        self.family, data = _family_and_data(event)
        self.event = event._replace(data=data)
        self.counted = 0  # bytes that the ring has on its account for this entry
        self._facts = {JSON: self._fact(self.event, JSON)}

    @property
    def offset(self) -> int:
        return self.event.offset

    @property
    def withdraws(self) -> bool:
        """Whether it takes the text of its object back."""
        return self.event.kind.endswith(".withdrawn")

    @property
    def size(self) -> int:
        """Bytes that this entry keeps in memory, about."""
        return 400 + len(self.event.data) + sum(map(len, self._facts.values()))

    def has(self, variant: Variant) -> bool:
        return variant in self._facts

    def prepare(self, variant: Variant) -> None:
        """Makes the frame of this variant, once. Renders; belongs on the tail's thread."""
        facts, event = self._facts, self.event  # in this order: scrub() replaces them in the other
        if variant not in facts:
            facts[variant] = self._fact(event, variant)

    def scrub(self) -> None:
        """Forgets the text: its object was withdrawn. What is being rendered meanwhile goes nowhere."""
        self.event = self.event._replace(data=SCRUBBED)
        self._facts = {JSON: self._fact(self.event, JSON)}

    def frame(self, variant: Variant, also_left: tuple[str, ...] = ()) -> bytes:
        """The frame; `also_left` are topics that skipped events said this object left."""
        self.prepare(variant)
        event = self.event
        position = str(Position(self.epoch, event.offset))
        place = _Place(position, event.topics + also_left, event.left + also_left).encoded()
        return place[:-1] + b"," + self._facts[variant][1:]

    @staticmethod
    def _fact(event: Event, variant: Variant) -> bytes:
        html = _fragments(event, variant.language) if variant.format == "html" else msgspec.UNSET
        return _encode(_Fact(event.kind, event.key, stamp(event.time), msgspec.Raw(event.data), html))


def _family_and_data(event: Event) -> tuple[str, bytes]:
    """The kind's family, and the data with its members in the order of the kind's dataclass.

    jsonb sorts members its own way. What this process cannot decode (a newer one wrote it, or it was
    scrubbed) goes out as it is: one odd event must not stop the line.
    """
    try:
        kind = kinds.get(event.kind)
    except NotRegistered:
        logger.warning("An event of the unknown kind %s goes out undecoded.", event.kind)
        return event.kind, event.data
    if _is_scrubbed(event.data):
        return kind.family, SCRUBBED
    try:
        return kind.family, kinds.encode(kinds.decode(kind, event.data))
    except msgspec.DecodeError as error:
        logger.error("The data of %s (%s) at %s cannot be decoded: %s", event.key, event.kind, event.offset, error)
        return kind.family, event.data


def _is_scrubbed(data: bytes) -> bool:
    return len(data) < 24 and bool(msgspec.json.decode(data) == {"scrubbed": True})


def _fragments(event: Event, language: str) -> dict[str, str]:
    """The fragments of the event's object by name; none where the text is gone or the kind has none."""
    if event.data == SCRUBBED:
        return {}
    try:
        kind = kinds.get(event.kind)
        context = kind.context(kinds.decode(kind, event.data))
    except (NotRegistered, msgspec.DecodeError):  # said when the event came in
        return {}
    with translation.override(language):
        return {name: text for name, template in kind.fragments.items() if (text := _render(template, context))}


def _render(template: str, context: Mapping[str, Any]) -> str:
    try:
        return render_to_string(template, dict(context)).strip()
    except Exception:  # whatever a template raises: it costs this fragment, never the line for everybody
        logger.exception("The fragment %s could not be rendered.", template)
        return ""
