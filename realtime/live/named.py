"""The declaration of what is shown by its name inside others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from realtime.kinds import Kind
from realtime.live.declaration import Live
from realtime.publish import Change, NewEvent


@dataclass(frozen=True)
class NameState:
    """What an event says of something that has a name."""

    id: int
    name: str
    version: int


@dataclass(frozen=True)
class NameRef:
    """How something that has a name is shown inside others."""

    id: int
    name: str


class NamedLive(Live):
    """Something that is shown by its name inside others, and shows none itself.

    It is told only when its name changes: that it comes or goes is told by the objects that show it.
    """

    State: ClassVar[type[Any]] = NameState
    Ref: ClassVar[type[Any] | None] = NameRef
    fragments: ClassVar[Mapping[str, str]] = {"name": "live/name.html"}
    announces_deletion: ClassVar[bool] = False

    def kinds(self) -> Iterator[Kind]:
        """Yields the one kind, by which a name changes."""
        yield Kind(self.kind("updated"), self.State, fragments=self.fragments, context=self.context)

    def context(self, data: Any) -> Mapping[str, Any]:
        """Returns what the template of any name reads, beside what one of its own does."""
        return {self.family: data, "family": self.family, "named": data}

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        """Yields the event of a change, unless the object is gone."""
        if change.state is not None:
            state = self.state_of(change.state, change.version, {})
            yield NewEvent(self._updated, self.topics_of(state), state)
