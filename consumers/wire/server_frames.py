"""Server frames: what the server sends, byte for byte as docs/protocol.md shows it.

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
PROTOCOL_VERSION = 1
HEARTBEAT_SECONDS = 25  # of silence at most; home routers cut a silent socket at 30-60
SCRUBBED_DATA = b'{"scrubbed":true}'

_encode = msgspec.json.Encoder().encode


def stamp(time: datetime) -> str:
    """Returns a moment as it is sent: UTC, milliseconds, Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Frame(msgspec.Struct, tag_field="type", frozen=True):
    """One JSON object from the server; its members in the order of the protocol."""

    def encoded(self) -> bytes:
        """Returns the object as JSON."""
        return _encode(self)


class Welcome(Frame, tag="welcome", frozen=True):
    """Opens a socket: the version of the protocol, the log's epoch, seconds of silence at most."""

    protocol: int
    epoch: str
    heartbeat: int


class Hello(Frame, tag="hello", frozen=True):
    """Answers a hello: who reads until when, and in which variant."""

    user: int | None
    name: str | None
    format: Format
    language: str
    expires: str | None


class Refused(msgspec.Struct, frozen=True):
    """A topic that may not be followed: `forbidden`, `unknown` or `limit`."""

    topic: str
    code: str


class Subscribed(Frame, tag="subscribed", frozen=True):
    """Answers a subscribe: all topics followed now, and how many missed events come next."""

    topics: list[str]
    refused: list[Refused]
    position: str
    recovered: bool
    missed: int


class Unsubscribed(Frame, tag="unsubscribed", frozen=True):
    """Ends topics: they were `asked` for, or access to them has ended."""

    topics: list[str]
    code: Literal["asked", "forbidden"]


class Reset(Frame, tag="reset", frozen=True):
    """Tells the reader to read a fresh snapshot: what was missed cannot be recovered."""

    topics: list[str]
    position: str
    missed: int | None
    reason: str


class Pong(Frame, tag="pong", frozen=True):
    """Answers a ping."""

    position: str


class Heartbeat(Frame, tag="heartbeat", frozen=True):
    """Breaks a silence, and moves the reader's cursor on."""

    position: str


class Leaving(Frame, tag="leaving", frozen=True):
    """Announces that the server closes: come back after a random time in the range."""

    reconnect_in: tuple[int, int]  # milliseconds


class Error(Frame, tag="error", frozen=True):
    """Answers a frame that was not understood, or asked for what cannot be had."""

    code: str
    detail: str


class _Place(Frame, tag="event", frozen=True):
    """The first half of an event's frame: its place in the log."""

    position: str
    topics: tuple[str, ...]
    left: tuple[str, ...]


class _Fact(msgspec.Struct, frozen=True):
    """The second half of an event's frame: what happened, the same for all readers of one variant."""

    kind: str
    key: str
    time: str
    data: msgspec.Raw
    html: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Variant(NamedTuple):
    """The format and language in which a reader gets events. JSON has no language."""

    format: Format
    language: str


JSON = Variant("json", "")


class Entry:
    """An event with its frames, made when they are wanted: rendered on the tail's thread, read on the loop.

    A process without readers, and a backlog that is filled for later, decode nothing.
    """

    __slots__ = ("_facts", "counted", "epoch", "event")

    def __init__(self, event: Event, epoch: str) -> None:
        self.epoch = epoch
        self.event = event
        self.counted = 0  # bytes that the backlog has on its account for this entry
        self._facts: dict[Variant, bytes] = {}

    @property
    def offset(self) -> int:
        """The event's place in the log."""
        return self.event.offset

    @property
    def family(self) -> str:
        """The family of the event's kind; a kind that this process does not know is a family of its own."""
        try:
            return kinds.get(self.event.kind).family
        except NotRegistered:
            return self.event.kind

    @property
    def withdraws(self) -> bool:
        """Whether the event takes the text of its object back."""
        return self.event.kind.endswith(".withdrawn")

    @property
    def size(self) -> int:
        """The bytes that this entry keeps in memory, about. A frame of JSON, as long as the data, is counted unmade."""
        size = 600 + 2 * len(self.event.data)
        if self._facts:
            size += sum(len(fact) for variant, fact in self._facts.items() if variant != JSON)
        return size

    def has(self, variant: Variant) -> bool:
        """Returns whether the frame costs next to nothing: it is made, or nothing has to be rendered for it."""
        return variant == JSON or variant in self._facts

    def prepare(self, variant: Variant) -> bytes:
        """Returns the second half of the frame, made once. Rendering for it belongs on the tail's thread."""
        facts, event = self._facts, self.event  # in this order: scrub() replaces them in the other
        if variant not in facts:
            facts[variant] = _fact(event, variant)
        return facts[variant]

    def scrub(self) -> None:
        """Forgets the text: its object was withdrawn. A frame that is being rendered meanwhile is dropped."""
        self.event = self.event._replace(data=SCRUBBED_DATA)
        self._facts = {}

    def frame(self, variant: Variant, also_left: tuple[str, ...] = ()) -> bytes:
        """Returns the frame; `also_left` are topics that skipped events said this object left."""
        event, fact = self.event, self.prepare(variant)
        position = str(Position(self.epoch, event.offset))
        place = _Place(position, event.topics + also_left, event.left + also_left).encoded()
        return place[:-1] + b"," + fact[1:]


def _fact(event: Event, variant: Variant) -> bytes:
    """Encodes what happened, the members of its data in the order of the kind's dataclass: jsonb has its own.

    Data that this process cannot decode (a newer one wrote them, or they were scrubbed) go out as they are: one
    odd event must not stop the others.
    """
    kind, value, data = None, None, event.data
    try:
        kind = kinds.get(event.kind)
        if _is_scrubbed(data):
            data = SCRUBBED_DATA
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
    """Renders the fragments of the event's object, by name; none where the text is gone or the kind has none."""
    context = kind.context(value)
    with translation.override(language):
        return {name: text for name, template in kind.fragments.items() if (text := _render(template, context))}


def _render(template: str, context: Mapping[str, Any]) -> str:
    try:
        return render_to_string(template, dict(context)).strip()
    except Exception:  # whatever a template raises costs this fragment, never the events of all readers
        logger.exception("The fragment %s could not be rendered.", template)
        return ""
