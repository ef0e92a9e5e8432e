"""Reading what a block of code announced, from the log itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from realtime.log import Event, LogConnection
from realtime.position import MAX_OFFSET


class CapturedEvents(list[Event]):
    """The events that were announced, oldest first."""

    def kinds(self) -> list[str]:
        return [event.kind for event in self]

    def data(self, kind: str) -> dict:
        """The data of the only event of that kind."""
        (event,) = [event for event in self if event.kind == kind]
        return msgspec.json.decode(event.data)


@contextmanager
def captured_events() -> Iterator[CapturedEvents]:
    """Fills the list when the block ends: `with told() as events: post.save()`."""
    log = LogConnection()
    events = CapturedEvents()
    since = log.advance_and_read(MAX_OFFSET).head
    try:
        yield events
    finally:
        events.extend(log.advance_and_read(since, 100_000).events)
        log.close()
