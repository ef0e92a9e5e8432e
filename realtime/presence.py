"""Presence: who is here now, on which topic, across processes. Ephemeral: never in the log.

Each process keeps one hash in Redis, with one field for each topic that somebody is on: its share. The
hash is the process's lease: it ends EXPIRES seconds after the process last renewed it, and with it
everybody whom only that process knew. What a topic's shares add up to is a `PresenceTotal`, which holds on to
readers whose connection broke until they are back, on whatever process.
"""

import secrets
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from realtime.errors import PresenceAway

LEASE = 20.0  # seconds that one `here` lasts; a client renews it every 10, so one may be lost
GRACE = 10.0  # seconds that a reader whose connection broke is kept: a restart's 8 s spread, and some
EXPIRES = 3  # seconds that a process's shares outlive it in Redis
BELIEVED = 4.0  # seconds that they outlive Redis elsewhere; EXPIRES + BELIEVED + GRACE is less than LEASE
REDIS_TIMEOUT = 1.0  # seconds for Redis to answer
PREFIX = "stop-press:presence"

Activity = Literal["viewing", "typing", "unsaved"]
_RANK: dict[Activity, int] = {"viewing": 0, "typing": 1, "unsaved": 2}


class Person(msgspec.Struct, frozen=True):
    """Somebody who may be named: their name, and the strongest state of their tabs."""

    name: str
    state: Activity


Present = dict[int, Person | None]  # users by id; None is somebody who is counted and not named


class ProcessShare(msgspec.Struct, frozen=True, array_like=True):
    """Those on one topic whom one process knows. `goodbyes` counts the anonymous who left on purpose."""

    anonymous: int = 0
    goodbyes: int = 0
    here: Present = {}
    away: Present = {}  # whose connection broke a moment ago


class Count(NamedTuple):
    """What a topic's shares add up to. People are in the order of their names."""

    readers: int
    people: tuple[Person, ...]


def add(present: Present, user: int, person: Person | None) -> None:
    """Puts a tab of a user beside their others: whoever has unsaved text somewhere has unsaved text."""
    other = present.get(user)
    if person is None or (other is not None and _RANK[other.state] >= _RANK[person.state]):
        person = other
    present[user] = person


class PresenceTotal:
    """Adds up the shares of one topic, and does not flinch when connections break for a moment.

    A user is recognised by id. The anonymous are a number, so their number is held: it rises at once
    and falls when it has been low for GRACE, or by as many as said goodbye. Nine of ten come back on
    another process: ten all the time, whoever they are.
    """

    def __init__(self) -> None:
        self._goodbyes: dict[str, int] = {}  # by process, as of the last time
        self._held: deque[tuple[float, int]] = deque()  # falling numbers, and when each was last true

    def add_up(self, shares: Mapping[str, ProcessShare], now: float) -> Count:
        """The count, from the shares by process."""
        anonymous = self._hold(sum(share.anonymous for share in shares.values()), self._left(shares), now)
        here: Present = {}
        away: Present = {}
        for share in shares.values():
            for user, person in share.here.items():
                add(here, user, person)
            for user, person in share.away.items():
                add(away, user, person)
        present = away | here
        named = [person for person in present.values() if person is not None]
        return Count(anonymous + len(present), tuple(sorted(named, key=lambda person: person.name)))

    def _left(self, shares: Mapping[str, ProcessShare]) -> int:
        """How many said goodbye since the last time, as far as their process was known then."""
        before = self._goodbyes
        self._goodbyes = {process: share.goodbyes for process, share in shares.items()}
        return sum(max(0, now - before.get(process, now)) for process, now in self._goodbyes.items())

    def _hold(self, number: int, left: int, now: float) -> int:
        if left:
            self._held = deque((time, held - left) for time, held in self._held)
        while self._held and self._held[-1][1] <= number:
            self._held.pop()
        self._held.append((now, number))
        while self._held[0][0] <= now - GRACE:
            self._held.popleft()
        return self._held[0][1]


class Others:
    """The shares of the other processes. One that is missing is believed a while longer.

    So a Redis that is restarted or flushed changes no count, if its processes find back in that time.
    """

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, tuple[ProcessShare, float]]] = {}

    def hear(self, found: Mapping[str, Mapping[str, ProcessShare]], now: float) -> None:
        """Takes what was read: shares by topic and process."""
        before, self._heard = self._heard, {}
        for topic, shares in found.items():
            kept = {process: old for process, old in before.get(topic, {}).items() if old[1] > now - BELIEVED}
            self._heard[topic] = kept | {process: (share, now) for process, share in shares.items()}

    def on(self, topic: str, now: float) -> dict[str, ProcessShare]:
        heard = self._heard.get(topic, {})
        return {process: share for process, (share, time) in heard.items() if time > now - BELIEVED}


class Register:
    """This process's shares in Redis, and those of the others. For one event loop."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self._key = f"{PREFIX}:{self.process}"
        self._told: dict[str, ProcessShare] | None = None  # what Redis has of ours; None where nobody knows
        self._redis: Redis = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )

    async def exchange(
        self, shares: Mapping[str, ProcessShare], topics: Collection[str]
    ) -> dict[str, dict[str, ProcessShare]]:
        """Writes what has changed of the shares; returns the others' on these topics, by topic and process.

        Two round trips, whatever the number of readers. Renews the lease of this process. Raises
        PresenceAway; the next time then writes everything.
        """
        try:
            processes = await self._tell(shares)
            return await self._ask(processes - {self.process}, list(topics))
        except (RedisError, OSError, TimeoutError) as error:
            self._told = None
            raise PresenceAway(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        await self._redis.aclose()

    async def _tell(self, shares: Mapping[str, ProcessShare]) -> set[str]:
        told = self._told or {}
        changed: dict[Any, Any] = {  # as redis would have it
            topic: _encode(share) for topic, share in shares.items() if told.get(topic) != share
        }
        ended = told.keys() - shares.keys()
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.exists(self._key)
            if self._told is None:
                pipe.delete(self._key)
            if changed:
                pipe.hset(self._key, mapping=changed)
            if ended:
                pipe.hdel(self._key, *ended)
            pipe.expire(self._key, EXPIRES)
            pipe.sadd(PREFIX, self.process)
            pipe.smembers(PREFIX)
            kept, *_, processes = await pipe.execute()
        if told and not kept:  # flushed, or away for so long that it expired
            self._told = None
            return await self._tell(shares)
        self._told = dict(shares)
        return {process.decode() for process in processes}

    async def _ask(self, processes: Iterable[str], topics: list[str]) -> dict[str, dict[str, ProcessShare]]:
        found: dict[str, dict[str, ProcessShare]] = {topic: {} for topic in topics}
        asked = sorted(processes)
        if not topics or not asked:
            return found
        async with self._redis.pipeline(transaction=False) as pipe:
            for process in asked:
                pipe.exists(f"{PREFIX}:{process}")
                pipe.hmget(f"{PREFIX}:{process}", topics)
            answers = await pipe.execute()
        for process, fields in zip(asked, answers[1::2], strict=True):
            for topic, field in zip(topics, fields, strict=True):
                if share := _decode(field):
                    found[topic][process] = share
        if ended := [process for process, exists in zip(asked, answers[::2], strict=True) if not exists]:
            await self._forget(ended)
        return found

    async def _forget(self, processes: list[str]) -> None:
        """Takes processes without a share off the list; one that still runs puts itself on it again."""
        await self._redis.srem(PREFIX, *processes)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(ProcessShare)


def _decode(field: Any) -> ProcessShare | None:
    """A share; none where there is none, or none that this version can read."""
    try:
        return _decoder.decode(field) if field else None
    except msgspec.DecodeError:
        return None
