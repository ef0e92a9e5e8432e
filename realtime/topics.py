"""Topics: named streams, in families; each family says who may follow.

Filled by the declarations of realtime.live. `front` is a family of one topic, `post` the family of `post.<id>`.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from realtime.errors import BadTopic, NotRegistered
from realtime.tickets import Reader

MAX_LENGTH = 100  # characters
_GRAMMAR = re.compile(r"[\w.\-]+")

MayRead = Callable[[Reader, str], bool]


@dataclass(frozen=True)
class Family:
    """The topics that share a name before the first dot, or the one topic of that name (`single`).

    `may_read`: who may follow them; everyone where it is None. `personal`: a topic is also open to the reader
    whom its object's events are addressed to, which only the log knows.
    """

    name: str
    may_read: MayRead | None
    single: bool
    personal: bool


_families: dict[str, Family] = {}


def register(name: str, may_read: MayRead | None = None, *, single: bool = False, personal: bool = False) -> None:
    """Makes a family known. Registering the same again is harmless.

    A `single` family is one topic, the name itself. A topic of a `personal` family is also for those whom its
    object's events are addressed to: a job's are on `user.<id>` of the account that started it. `check` does
    not know that; `personal` says when to ask the log.
    """
    family = Family(name, may_read, single, personal)
    if _families.setdefault(name, family) != family:
        raise NotRegistered(f"The topic family {name} is registered already, differently.")


def normal(topic: str) -> str:
    """Returns the topic composed (NFC). Raises BadTopic."""
    try:
        topic = unicodedata.normalize("NFC", topic)
    except ValueError as error:
        raise BadTopic("A topic is text.") from error
    if not 0 < len(topic) <= MAX_LENGTH or not _GRAMMAR.fullmatch(topic):
        raise BadTopic(f"{topic[:MAX_LENGTH]!a} is not a topic: letters, digits, '.', '-', '_', at most {MAX_LENGTH}.")
    return topic


def check(reader: Reader, topic: str) -> str | None:
    """Returns None where the reader may follow the topic, else why not: `forbidden` or `unknown`.

    Asks the family only, never whether an object exists, so nothing of that is revealed.
    """
    try:
        topic = normal(topic)
    except BadTopic:
        return "unknown"
    name, dot, rest = topic.partition(".")
    family = _families.get(name)
    if family is None or family.single == bool(dot) or bool(dot) != bool(rest):
        return "unknown"
    if family.may_read is None or family.may_read(reader, topic):
        return None
    return "forbidden"


def personal(reader: Reader, topic: str) -> str | None:
    """Returns `user.<id>` of the reader for a topic that is open to them if its object lives there, too; else None."""
    family = _families.get(topic.partition(".")[0])
    return f"user.{reader.id}" if family is not None and family.personal and reader.id is not None else None
