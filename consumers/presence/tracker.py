"""Presence at the edge: who of this process's sockets is `here`, and the counts that they are told.

One task for all of them, however many. A turn of it tells Redis what has changed, reads what the
other processes say of the topics that somebody here is on, and pushes the counts that are new.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Literal

from django.conf import settings

from consumers.presence.topic import Crowd, Visitor
from consumers.wire.batch import Burst
from realtime import topics
from realtime.errors import BadTopic, PresenceAway
from realtime.presence import Activity, Others, Register, Share
from realtime.tickets import Reader

TURN = 0.5  # seconds; from one process to another takes a turn of each: a second together
EVERY = 0.95  # seconds between two frames about one topic to one socket: two turns, one of which was late
LATE = 2.0  # seconds; a turn later than this means that the process was suspended, not its readers
SLICE = 500  # sockets that are told something in one turn of the loop
TOPICS = 100  # topics that are added up in one: 1 ms
FAREWELL = 0.5  # seconds for the last word to Redis

logger = logging.getLogger(__name__)


class Census:
    """Those present in this process, by topic. Runs while there are any; an idle one asks nothing of Redis."""

    def __init__(self) -> None:
        self._crowds: dict[str, Crowd] = {}
        self._others = Others()
        self._register: Register | None = None
        self._task: asyncio.Task[None] | None = None
        self._away = False

    # --- what sockets say

    def here(self, visitor: Visitor, reader: Reader, topic: str, state: Activity | Literal["gone"]) -> None:
        """Takes, renews or ends a lease. Raises BadTopic where this reader may not be on that topic."""
        if topics.check(reader, topic) is not None:
            raise BadTopic(f"{topic[: topics.LONGEST]!a} is not a topic that this reader may follow.")
        topic = topics.normal(topic)
        self.becomes(visitor, reader)
        if state == "gone":
            self.leave(visitor, [topic])
            return
        if topic not in visitor.crowds and len(visitor.crowds) >= settings.LIVE_MAX_TOPICS:
            raise BadTopic(f"One connection is present on {settings.LIVE_MAX_TOPICS} topics at most.")
        crowd = visitor.crowds[topic] = self._crowds.setdefault(topic, Crowd(topic))
        crowd.enter(visitor, state, _now())
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, visitor: Visitor, names: Iterable[str] | None = None) -> None:
        """On purpose: gone at once, from these topics or from all. Harmless where the visitor is not."""
        for name in list(visitor.crowds) if names is None else names:
            if crowd := visitor.crowds.pop(name, None):
                crowd.leave(visitor, _now())

    def becomes(self, visitor: Visitor, reader: Reader) -> None:
        """From now on somebody else reads there, or the same with other rights or a newer ticket."""
        was = visitor.reader
        if was == reader:
            return
        if was.id != reader.id:
            for crowd in visitor.crowds.values():
                crowd.part_from(visitor, _now())
        visitor.reader = reader
        self.leave(visitor, [topic for topic in visitor.crowds if topics.check(reader, topic) is not None])
        for crowd in visitor.crowds.values():
            crowd.touch()

    def lose(self, visitor: Visitor) -> None:
        """The socket has ended, whoever ended it."""
        for crowd in visitor.crowds.values():
            crowd.lose(visitor, _now())
        visitor.crowds.clear()

    async def stop(self) -> None:
        """Tells the others, if Redis answers at once, that nobody is connected here any more."""
        register, task = self._register, self._task
        self._register = self._task = None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if register is not None:
            with suppress(PresenceAway, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await register.exchange(self._shares(), [])
            await register.close()

    @property
    def present(self) -> int:
        """Sockets and requests that are on a topic, once for each."""
        return sum(len(crowd.leases) for crowd in self._crowds.values())

    @property
    def crowds(self) -> int:
        """Topics that somebody is on, or was a moment ago."""
        return len(self._crowds)

    @property
    def alone(self) -> bool:
        """Redis does not answer: only this process counts."""
        return self._away

    # --- its turns

    async def _run(self) -> None:
        self._register = self._register or Register()
        self._turned = _now()
        while self._crowds:
            try:
                await self._turn(self._register)
            except Exception:  # a mistake of ours: counts that are late must not become counts that never come
                logger.exception("Presence stumbled; it goes on with the next turn.")
            await asyncio.sleep(TURN)
        self._task = None

    async def _turn(self, register: Register) -> None:
        now = _now()
        late, self._turned = now - self._turned - TURN, now
        for crowd in list(self._crowds.values()):
            if late > LATE:
                crowd.prolong(late)
            crowd.expire(now)
            if crowd.is_over(now):
                del self._crowds[crowd.topic]
        asked = [crowd for crowd in self._crowds.values() if crowd.leases]
        await self._exchange(register, [crowd.topic for crowd in asked])
        now = _now()
        for number, crowd in enumerate(asked, 1):
            if crowd.leases:
                crowd.renew_share()  # who came meanwhile counts, or would be told that nobody is here
                crowd.add_up({**self._others.on(crowd.topic, now), register.process: crowd.share}, now)
                await self._tell(crowd, now)
            if number % TOPICS == 0:
                await asyncio.sleep(0)

    async def _exchange(self, register: Register, asked: list[str]) -> None:
        try:
            found = await register.exchange(self._shares(), asked)
        except PresenceAway as error:
            if not self._away:
                logger.warning("Presence counts this process only until Redis answers (%s).", error)
            self._away = True
            return
        if self._away:
            logger.warning("Presence counts all processes again.")
        self._away = False
        self._others.hear(found, _now())

    def _shares(self) -> dict[str, Share]:
        for crowd in self._crowds.values():
            crowd.renew_share()
        return {topic: crowd.share for topic, crowd in self._crowds.items()}

    async def _tell(self, crowd: Crowd, now: float) -> None:
        """Pushes the frame to those who have not got it, and may have one again."""
        if not crowd.behind:
            return
        crowd.behind = False
        plain, full = Burst([crowd.plain]), Burst([crowd.full])
        for number, (visitor, lease) in enumerate(list(crowd.leases.items()), 1):
            burst = full if visitor.sees_names else plain
            if visitor not in crowd.leases or lease.told == burst.texts[0]:
                continue
            if now - lease.told_at >= EVERY and visitor.told.aside(burst):
                lease.told, lease.told_at = burst.texts[0], now
            else:
                crowd.behind = True
            if number % SLICE == 0:
                await asyncio.sleep(0)


def _now() -> float:
    return asyncio.get_running_loop().time()


census = Census()
