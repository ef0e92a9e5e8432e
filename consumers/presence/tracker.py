"""The presence tracker: which of this process's connections are `here`, and the counts that they are sent.

One task serves all of them. At each turn it tells Redis what has changed, reads what the other processes say of
the topics that are occupied here, and sends the counts that are new.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

from django.conf import settings

from consumers.presence.topic import Occupant, TopicPresence
from consumers.wire.batch import FrameBatch
from realtime import topics
from realtime.errors import BadTopic, PresenceAway
from realtime.presence import Activity, Others, ProcessShare, Register
from realtime.tickets import Reader

EXCHANGE_INTERVAL = 0.5  # seconds; from one process to another takes a turn of each: a second together
MIN_FRAME_INTERVAL = 0.95  # seconds between two frames about one topic to one socket: two turns, one of which was late
SUSPENDED_SECONDS = 2.0  # a turn later than this means that the process was suspended, not its readers
MAX_WRITES_PER_TURN = 500  # sockets that are written to in one turn of the loop
MAX_TOPICS_PER_TURN = 100  # that are added up in one turn of the loop: 1 ms
FAREWELL_TIMEOUT = 0.5  # seconds to tell Redis that this process ends

logger = logging.getLogger(__name__)


class PresenceTracker:
    """Knows the occupants of this process by topic. Runs while there are any; an idle one asks nothing of Redis."""

    def __init__(self) -> None:
        self._presences: dict[str, TopicPresence] = {}
        self._others = Others()
        self._register: Register | None = None
        self._task: asyncio.Task[None] | None = None
        self._turned_at = 0.0  # when the last turn began
        self.is_alone = False  # Redis does not answer: only what is here counts

    # --- what connections say

    def here(self, occupant: Occupant, reader: Reader, topic: str, state: Activity | Literal["gone"]) -> None:
        """Takes, renews or ends a lease. Raises BadTopic where the reader may not be present on the topic."""
        if topics.check(reader, topic) is not None:
            raise BadTopic(f"{topic[: topics.LONGEST]!a} is not a topic that this reader may follow.")
        topic = topics.normal(topic)
        self.set_reader(occupant, reader)
        if state == "gone":
            self.leave(occupant, [topic])
            return
        if topic not in occupant.presences and len(occupant.presences) >= settings.LIVE_MAX_TOPICS:
            raise BadTopic(f"One connection is present on {settings.LIVE_MAX_TOPICS} topics at most.")
        presence = occupant.presences[topic] = self._presences.setdefault(topic, TopicPresence(topic))
        presence.enter(occupant, state, _now())
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, occupant: Occupant, names: Iterable[str] | None = None) -> None:
        """Ends the occupant's presence at once, on these topics or on all. Harmless where it is not present."""
        for name in list(occupant.presences) if names is None else names:
            if presence := occupant.presences.pop(name, None):
                presence.leave(occupant, _now())

    def set_reader(self, occupant: Occupant, reader: Reader) -> None:
        """Replaces the occupant's reader by another, or by the same with other rights or a newer ticket."""
        was = occupant.reader
        if was == reader:
            return
        if was.id != reader.id:
            for presence in occupant.presences.values():
                presence.forget_reader(occupant, _now())
        occupant.reader = reader
        self.leave(occupant, [topic for topic in occupant.presences if topics.check(reader, topic) is not None])
        for presence in occupant.presences.values():
            presence.mark_changed()

    def disconnect(self, occupant: Occupant) -> None:
        """Ends the occupant's presence as its connection breaks: the reader may be back in a moment."""
        for presence in occupant.presences.values():
            presence.disconnect(occupant, _now())
        occupant.presences.clear()

    async def stop(self) -> None:
        """Stops, and tells the other processes that this one has no connections any more, if Redis answers at once."""
        register, task = self._register, self._task
        self._register = self._task = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if register is not None:
            with suppress(PresenceAway, TimeoutError):
                async with asyncio.timeout(FAREWELL_TIMEOUT):
                    await register.exchange(self._shares(), [])
            await register.close()

    @property
    def present(self) -> int:
        """The number of leases: connections that are present, once for each of their topics."""
        return sum(len(presence.leases) for presence in self._presences.values())

    @property
    def topics(self) -> int:
        """The number of topics that are occupied, or were a moment ago."""
        return len(self._presences)

    # --- its turns

    async def _run(self) -> None:
        self._register = self._register or Register()
        self._turned_at = _now()
        while self._presences:
            try:
                await self._turn(self._register)
            except Exception:  # a mistake of ours: counts that are late must not become counts that never come
                logger.exception("Presence stumbled; it goes on with the next turn.")
            await asyncio.sleep(EXCHANGE_INTERVAL)
        self._task = None

    async def _turn(self, register: Register) -> None:
        now = _now()
        late, self._turned_at = now - self._turned_at - EXCHANGE_INTERVAL, now
        for presence in list(self._presences.values()):
            if late > SUSPENDED_SECONDS:
                presence.prolong(late)
            presence.expire(now)
            if presence.is_over(now):
                del self._presences[presence.topic]
        asked = [presence for presence in self._presences.values() if presence.leases]
        await self._exchange(register, [presence.topic for presence in asked])
        now = _now()
        for number, presence in enumerate(asked, 1):
            if presence.leases:
                presence.renew_share()  # a reader who came meanwhile counts, and is not sent a 0
                presence.add_up({**self._others.on(presence.topic, now), register.process: presence.share}, now)
                await self._send(presence, now)
            if number % MAX_TOPICS_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _exchange(self, register: Register, asked: list[str]) -> None:
        try:
            found = await register.exchange(self._shares(), asked)
        except PresenceAway as error:
            if not self.is_alone:
                logger.warning("Presence counts this process only until Redis answers (%s).", error)
            self.is_alone = True
            return
        if self.is_alone:
            logger.warning("Presence counts all processes again.")
        self.is_alone = False
        self._others.hear(found, _now())

    def _shares(self) -> dict[str, ProcessShare]:
        for presence in self._presences.values():
            presence.renew_share()
        return {topic: presence.share for topic, presence in self._presences.items()}

    async def _send(self, presence: TopicPresence, now: float) -> None:
        """Sends the frame of now to the occupants that have not got it, and may have one again."""
        if not presence.has_unsent:
            return
        presence.has_unsent = False
        plain, named = FrameBatch([presence.plain_frame]), FrameBatch([presence.named_frame])
        for number, (occupant, lease) in enumerate(list(presence.leases.items()), 1):
            frames = named if occupant.sees_names else plain
            if occupant not in presence.leases or lease.sent == frames.texts[0]:
                continue
            if now - lease.sent_at >= MIN_FRAME_INTERVAL and occupant.listener.send_ephemeral(frames):
                lease.sent, lease.sent_at = frames.texts[0], now
            else:
                presence.has_unsent = True
            if number % MAX_WRITES_PER_TURN == 0:
                await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()


tracker = PresenceTracker()
