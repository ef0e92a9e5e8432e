"""Connection quota: how many connections one address and one user may hold, across processes.

Each process keeps its own counts in one hash in Redis, which expires 20 seconds after its process, so that
nothing has to be cleaned up. While Redis is away, each process counts for itself. How fast a client may ask
is counted in rate_limits.py.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Any, NamedTuple

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

LEASE_SECONDS = 20  # seconds that the counts of a killed process are still counted
RENEW_INTERVAL = 5  # seconds between two renewals; three may fail
REDIS_TIMEOUT = 0.5  # seconds for Redis to answer: a reader waits for it
RETRY_AFTER_SECONDS = 2.0  # seconds without asking a Redis that did not answer
MAX_ASKS_PER_ROUND_TRIP = 200  # connections that ask in one round trip: a storm costs a few of them
EDGES_KEY = "stop-press:edges"


# One round trip for many connections: each is counted if all processes together hold less than the limit.
# A process whose hash is gone was killed, or its Redis lost the data; a living process writes it anew.
_ASK = """
local edges, granted = redis.call('SMEMBERS', KEYS[1]), {}
redis.call('SADD', KEYS[1], ARGV[1])
for i = 3, #ARGV, 2 do
  local held = tonumber(redis.call('HGET', ARGV[1], ARGV[i]) or 0)
  for _, edge in ipairs(edges) do
    if edge ~= ARGV[1] then held = held + tonumber(redis.call('HGET', edge, ARGV[i]) or 0) end
  end
  if held < tonumber(ARGV[i + 1]) then
    redis.call('HINCRBY', ARGV[1], ARGV[i], 1)
    granted[#granted + 1] = 1
  else
    granted[#granted + 1] = 0
  end
end
redis.call('EXPIRE', ARGV[1], ARGV[2])
for _, edge in ipairs(edges) do
  if edge ~= ARGV[1] and redis.call('EXISTS', edge) == 0 then redis.call('SREM', KEYS[1], edge) end
end
return granted
"""


class _Ask(NamedTuple):
    subject: str
    limit: int
    granted: asyncio.Future[bool]


class ConnectionQuota:
    """Counts this process's connections by subject (an address, a user), and asks Redis what the others hold."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.is_alone = False  # Redis did not answer: only what this process holds counts
        self._name = f"{EDGES_KEY}:{secrets.token_hex(8)}"
        self._redis: Any = None
        self._asks: list[_Ask] = []
        self._released: set[str] = set()  # subjects whose lower count Redis has not been told yet
        self._wake: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_written = False  # Redis holds the same counts as this process
        self._is_stopping = False
        self._retry_at = 0.0  # monotonic

    async def take(self, subject: str, limit: int) -> bool:
        """Counts one more connection of the subject; returns False where the limit is reached. 0 is no limit."""
        if limit == 0:
            return True
        if self.held[subject] >= limit:
            return False
        ask = _Ask(subject, limit, asyncio.get_running_loop().create_future())
        self._asks.append(ask)
        self._run()
        try:
            return await ask.granted
        except asyncio.CancelledError:
            if ask.granted.done() and not ask.granted.cancelled() and ask.granted.result():
                self.release(subject)
            raise

    def release(self, subject: str) -> None:
        """Counts one connection of the subject less."""
        self.held[subject] -= 1
        if self.held[subject] <= 0:
            del self.held[subject]
        self._released.add(subject)
        self._run()

    async def stop(self) -> None:
        """Takes this process out of the count at once, if Redis answers."""
        if self._task is not None and self._wake is not None:
            self._is_stopping = True
            self._wake.set()
            await asyncio.wait([self._task], timeout=3 * REDIS_TIMEOUT)

    def _run(self) -> None:
        if self._task is None:
            self._wake = asyncio.Event()
            self._redis = Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=REDIS_TIMEOUT,
                socket_connect_timeout=REDIS_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
            self._task = asyncio.get_running_loop().create_task(self._serve())
        assert self._wake is not None
        self._wake.set()

    async def _serve(self) -> None:
        """Answers all who ask, many in one round trip, and renews what is held."""
        assert self._wake is not None
        while not self._is_stopping:
            asks, self._asks = self._asks[:MAX_ASKS_PER_ROUND_TRIP], self._asks[MAX_ASKS_PER_ROUND_TRIP:]
            self._settle(asks, await self._ask(asks))
            if not self._asks:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RENEW_INTERVAL):
                        await self._wake.wait()
                self._wake.clear()
        with contextlib.suppress(RedisError, OSError):  # then the hash expires by itself
            await self._redis.delete(self._name)
        await self._redis.aclose()

    async def _ask(self, asks: Sequence[_Ask]) -> Sequence[int] | None:
        """Returns Redis's answer to each; None where it does not answer, and is not asked again for a while."""
        if monotonic() < self._retry_at:
            return None
        released, self._released = self._released, set()
        arguments = [argument for ask in asks for argument in (ask.subject, ask.limit)]
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                if not self._is_written or not await self._redis.exists(self._name):
                    pipe.delete(self._name)
                    if self.held:
                        pipe.hset(self._name, mapping=dict(self.held))
                else:
                    for subject in released:
                        self._write(pipe, subject)
                pipe.eval(_ASK, 1, EDGES_KEY, self._name, LEASE_SECONDS, *arguments)
                granted: Sequence[int] = (await pipe.execute())[-1]
        except (RedisError, OSError) as error:
            if not self.is_alone:
                logger.warning("Connections are counted in this process only (%s).", error)
            self.is_alone, self._is_written = True, False
            self._retry_at = monotonic() + RETRY_AFTER_SECONDS
            return None
        self.is_alone, self._is_written = False, True
        return granted

    def _write(self, pipe: Any, subject: str) -> None:
        """Writes the number as it is now: what is asked for in the same round trip comes on top."""
        if self.held[subject]:
            pipe.hset(self._name, subject, self.held[subject])
        else:
            pipe.hdel(self._name, subject)

    def _settle(self, asks: Sequence[_Ask], granted: Sequence[int] | None) -> None:
        for number, ask in enumerate(asks):
            may = self.held[ask.subject] < ask.limit if granted is None else bool(granted[number])
            if ask.granted.done():  # cancelled: it did not wait for the answer
                self._is_written = self._is_written and not may
            elif may:
                self.held[ask.subject] += 1
                ask.granted.set_result(True)
            else:
                ask.granted.set_result(False)


quota = ConnectionQuota()


class ConnectionSlot:
    """One connection's count under one subject: its address, or its user."""

    __slots__ = ("_subject",)

    def __init__(self) -> None:
        self._subject: str | None = None

    async def take(self, subject: str, limit: int) -> bool:
        """Counts the connection under this subject and no other; returns False where all slots are taken.

        Then it stays counted as it was. Without a limit (0) it is not counted at all.
        """
        if subject == self._subject:
            return True
        if not await quota.take(subject, limit):
            return False
        self.release()
        if limit:
            self._subject = subject
        return True

    def release(self) -> None:
        """Gives the slot back. Harmless where none is held."""
        if self._subject is not None:
            quota.release(self._subject)
            self._subject = None
