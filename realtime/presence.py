"""Presence: the readers of each topic, counted across processes. It is ephemeral and never in the log.

Each process keeps one hash in Redis, with a field for each topic that it has readers on: its share. The hash expires
SHARE_SECONDS after the process last renewed it; a process that was killed is then no longer counted. A `PresenceTotal`
adds up the shares of a topic, and keeps counting readers whose connection broke until they are back on any process.
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

LEASE_SECONDS = 20.0  # that one `here` lasts; a client renews it every 10, so one may be lost
GRACE_SECONDS = 10.0  # that a reader whose connection broke is kept: the 8 s over which a restart is spread, and 2
SHARE_SECONDS = 3  # that a process's shares outlive it in Redis
BELIEVED_SECONDS = (
    4.0  # that other processes keep shares that Redis has lost; less than LEASE_SECONDS with the two above
)
REDIS_TIMEOUT = 1.0  # seconds for Redis to answer
PREFIX = "stop-press:presence"

Activity = Literal["viewing", "typing", "unsaved"]
_RANK: dict[Activity, int] = {"viewing": 0, "typing": 1, "unsaved": 2}


class Person(msgspec.Struct, frozen=True):
    """A user who may be named, and the strongest state of the user's tabs."""

    name: str
    state: Activity


Present = dict[int, Person | None]  # by user id; None is a user who is counted and not named


class ProcessShare(msgspec.Struct, frozen=True, array_like=True):
    """The readers of one topic on one process. `goodbyes` counts anonymous readers who left on purpose."""

    anonymous: int = 0
    goodbyes: int = 0
    here: Present = {}
    away: Present = {}  # users whose connection broke a moment ago


class Count(NamedTuple):
    """The readers of a topic on all processes. People are in the order of their names."""

    readers: int
    people: tuple[Person, ...]


def add(present: Present, user: int, person: Person | None) -> None:
    """Adds a tab of a user; the strongest state of the user's tabs counts."""
    other = present.get(user)
    if person is None or (other is not None and _RANK[other.state] >= _RANK[person.state]):
        person = other
    present[user] = person


class PresenceTotal:
    """Adds up the shares of one topic; connections that break for a moment do not change the count.

    Users are recognised by id. Anonymous readers are a number only: it rises at once, and falls when it has been
    lower for GRACE_SECONDS, or by the number of goodbyes. If nine of ten come back on another process, the count
    stays ten all the time.
    """

    def __init__(self) -> None:
        self._goodbyes: dict[str, int] = {}  # by process, as of the last call
        self._held: deque[tuple[float, int]] = deque()  # falling numbers, and when each was last true

    def add_up(self, shares: Mapping[str, ProcessShare], now: float) -> Count:
        """Returns the count of the shares, which are given by process."""
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
        """Returns the number of goodbyes since the last call, on processes that were known then."""
        before = self._goodbyes
        self._goodbyes = {process: share.goodbyes for process, share in shares.items()}
        return sum(max(0, now - before.get(process, now)) for process, now in self._goodbyes.items())

    def _hold(self, number: int, left: int, now: float) -> int:
        if left:
            self._held = deque((time, held - left) for time, held in self._held)
        while self._held and self._held[-1][1] <= number:
            self._held.pop()
        self._held.append((now, number))
        while self._held[0][0] <= now - GRACE_SECONDS:
            self._held.popleft()
        return self._held[0][1]


class Others:
    """The shares of the other processes. One that is missing is kept for BELIEVED_SECONDS.

    So a Redis that is restarted or flushed changes no count, if the processes have written their shares by then.
    """

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, tuple[ProcessShare, float]]] = {}

    def hear(self, found: Mapping[str, Mapping[str, ProcessShare]], now: float) -> None:
        """Records shares that were read from Redis, by topic and process."""
        before, self._heard = self._heard, {}
        for topic, shares in found.items():
            kept = {process: old for process, old in before.get(topic, {}).items() if old[1] > now - BELIEVED_SECONDS}
            self._heard[topic] = kept | {process: (share, now) for process, share in shares.items()}

    def on(self, topic: str, now: float) -> dict[str, ProcessShare]:
        """Returns the shares of a topic, by process."""
        heard = self._heard.get(topic, {})
        return {process: share for process, (share, time) in heard.items() if time > now - BELIEVED_SECONDS}


class Register:
    """Writes this process's shares to Redis, and reads those of the others. For one event loop."""

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self._key = f"{PREFIX}:{self.process}"
        self._written: dict[str, ProcessShare] | None = (
            None  # this process's shares in Redis; None where that is unknown
        )
        self._redis: Redis = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=REDIS_TIMEOUT,
            socket_connect_timeout=REDIS_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )

    async def exchange(
        self, shares: Mapping[str, ProcessShare], topics: Collection[str]
    ) -> dict[str, dict[str, ProcessShare]]:
        """Writes the shares that changed; returns those of other processes on the topics, by topic and process.

        Takes two round trips, whatever the number of readers, and renews this process's hash. Raises PresenceAway;
        the next call then writes all shares.
        """
        try:
            processes = await self._write(shares)
            return await self._read(processes - {self.process}, list(topics))
        except (RedisError, OSError, TimeoutError) as error:
            self._written = None
            raise PresenceAway(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Closes the connection; the hash expires by itself."""
        await self._redis.aclose()

    async def _write(self, shares: Mapping[str, ProcessShare]) -> set[str]:
        written = self._written or {}
        changed: dict[Any, Any] = {  # as redis would have it
            topic: _encode(share) for topic, share in shares.items() if written.get(topic) != share
        }
        ended = written.keys() - shares.keys()
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.exists(self._key)
            if self._written is None:
                pipe.delete(self._key)
            if changed:
                pipe.hset(self._key, mapping=changed)
            if ended:
                pipe.hdel(self._key, *ended)
            pipe.expire(self._key, SHARE_SECONDS)
            pipe.sadd(PREFIX, self.process)
            pipe.smembers(PREFIX)
            kept, *_, processes = await pipe.execute()
        if written and not kept:  # flushed, or away for so long that it expired
            self._written = None
            return await self._write(shares)
        self._written = dict(shares)
        return {process.decode() for process in processes}

    async def _read(self, processes: Iterable[str], topics: list[str]) -> dict[str, dict[str, ProcessShare]]:
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
        """Removes processes whose hash expired from the list; one that still runs adds itself again."""
        await self._redis.srem(PREFIX, *processes)


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(ProcessShare)


def _decode(field: Any) -> ProcessShare | None:
    """Returns the share in a field; None for an empty one, or one that another version wrote."""
    try:
        return _decoder.decode(field) if field else None
    except msgspec.DecodeError:
        return None
