"""The count of a topic while connections and processes break, and the shares in a real Valkey."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from realtime.errors import PresenceAway
from realtime.presence import (
    BELIEVED_SECONDS,
    GRACE_SECONDS,
    LEASE_SECONDS,
    PREFIX,
    REDIS_TIMEOUT,
    SHARE_SECONDS,
    Count,
    Others,
    Person,
    PresenceTotal,
    ProcessShare,
    Register,
)

ADA, BEN = Person("ada", "viewing"), Person("ben", "typing")


class TestTally:
    def test_it_adds_up_all_processes(self):
        shares = {"a": ProcessShare(3, here={7: ADA}), "b": ProcessShare(4, here={8: BEN, 9: None})}
        assert PresenceTotal().add_up(shares, 0) == Count(10, (ADA, BEN))

    def test_a_user_counts_once_wherever_their_tabs_are(self):
        unsaved = Person("ada", "unsaved")
        shares = {
            "a": ProcessShare(here={7: ADA}),
            "b": ProcessShare(here={7: unsaved}),
            "c": ProcessShare(here={7: None}, away={7: ADA}),
        }
        assert PresenceTotal().add_up(shares, 0) == Count(1, (unsaved,))

    def test_what_they_left_unsaved_on_a_broken_connection_is_not_what_they_do_now(self):
        shares = {"a": ProcessShare(away={7: Person("ada", "unsaved")}), "b": ProcessShare(here={7: ADA})}
        assert PresenceTotal().add_up(shares, 0).people == (ADA,)

    def test_a_broken_connection_is_counted_until_the_grace_is_over(self):
        tally = PresenceTotal()
        assert tally.add_up({"a": ProcessShare(10)}, 0).readers == 10
        assert tally.add_up({"a": ProcessShare(9)}, 1).readers == 10
        assert tally.add_up({"a": ProcessShare(9)}, GRACE_SECONDS - 0.1).readers == 10
        assert tally.add_up({"a": ProcessShare(9)}, GRACE_SECONDS).readers == 9

    def test_coming_back_on_another_process_changes_nothing(self):
        tally = PresenceTotal()
        tally.add_up({"a": ProcessShare(10)}, 0)
        for now, shares in enumerate(
            [{"a": ProcessShare(2)}, {"a": ProcessShare(2), "b": ProcessShare(5)}, {"b": ProcessShare(10)}], 1
        ):
            assert tally.add_up(shares, now).readers == 10
        assert tally.add_up({"b": ProcessShare(10)}, 100).readers == 10

    def test_a_goodbye_counts_at_once(self):
        tally = PresenceTotal()
        tally.add_up({"a": ProcessShare(10), "b": ProcessShare(5, 40)}, 0)
        assert tally.add_up({"a": ProcessShare(8, 1), "b": ProcessShare(5, 40)}, 1).readers == 14, (
            "one left, one connection broke"
        )
        assert tally.add_up({"a": ProcessShare(8, 1), "b": ProcessShare(5, 40)}, 1 + GRACE_SECONDS).readers == 13

    def test_a_process_that_began_anew_has_not_said_goodbye_for_anybody(self):
        tally = PresenceTotal()
        tally.add_up({"a": ProcessShare(10, 30)}, 0)
        assert tally.add_up({}, 1).readers == 10
        assert tally.add_up({"a": ProcessShare(9, 31)}, 2).readers == 10
        assert tally.add_up({"a": ProcessShare(9, 0)}, 3).readers == 10

    def test_it_never_falls_below_those_who_are_there(self):
        tally = PresenceTotal()
        tally.add_up({"a": ProcessShare(3)}, 0)
        assert tally.add_up({"a": ProcessShare(3, 5)}, 1).readers == 3, "five came and went between two looks"


def test_a_killed_process_is_forgotten_sooner_than_a_lease_ends():
    assert SHARE_SECONDS + BELIEVED_SECONDS + GRACE_SECONDS + 2 < LEASE_SECONDS


def test_what_is_missing_for_a_moment_is_believed():
    others = Others()
    others.hear({"front": {"a": ProcessShare(3), "b": ProcessShare(4)}}, 0)
    others.hear({"front": {"b": ProcessShare(5)}}, 1)
    assert others.on("front", 2) == {"a": ProcessShare(3), "b": ProcessShare(5)}
    assert others.on("front", BELIEVED_SECONDS) == {"b": ProcessShare(5)}
    assert others.on("desk", 2) == others.on("front", 1 + BELIEVED_SECONDS) == {}


class TestRegister:
    """Two processes and what passes between them."""

    @pytest.fixture(autouse=True)
    async def redis(self, settings):
        async with Redis.from_url(settings.REDIS_URL) as redis:
            await redis.delete(PREFIX)  # those of the tests before
            yield redis

    @pytest.fixture
    async def ours(self):
        register = Register()
        yield register
        await register.close()

    @pytest.fixture
    async def theirs(self):
        register = Register()
        yield register
        await register.close()

    async def test_each_reads_what_the_other_wrote(self, ours: Register, theirs: Register):
        share = ProcessShare(2, 1, {7: ADA, 9: None}, {8: BEN})
        await theirs.exchange({"post.1": share, "post.2": ProcessShare(1)}, [])
        found = await ours.exchange({"post.1": ProcessShare(5)}, ["post.1", "post.3"])
        assert found == {"post.1": {theirs.process: share}, "post.3": {}}
        assert await theirs.exchange({}, ["post.1"]) == {"post.1": {ours.process: ProcessShare(5)}}
        assert await ours.exchange({}, ["post.1"]) == {"post.1": {}}, "they have nobody any more"

    async def test_a_flush_is_healed_by_the_next_exchange(self, ours: Register, theirs: Register, redis: Any):
        shares = {"post.1": ProcessShare(2), "post.2": ProcessShare(1)}
        await theirs.exchange(shares, [])
        await redis.flushdb()
        await theirs.exchange({**shares, "post.1": ProcessShare(3)}, [])
        found = await ours.exchange({}, ["post.1", "post.2"])
        assert found == {"post.1": {theirs.process: ProcessShare(3)}, "post.2": {theirs.process: ProcessShare(1)}}

    async def test_a_process_that_says_nothing_more_is_forgotten(self, ours: Register, theirs: Register, redis: Any):
        key = f"{PREFIX}:{theirs.process}"
        await theirs.exchange({"post.1": ProcessShare(2)}, [])
        assert 0 < await redis.ttl(key) <= SHARE_SECONDS
        await redis.delete(key)  # what the end of the lease does
        assert await ours.exchange({}, ["post.1"]) == {"post.1": {}}
        assert theirs.process.encode() not in await redis.smembers(PREFIX)
        await theirs.exchange({"post.1": ProcessShare(2)}, [])
        assert await ours.exchange({}, ["post.1"]) == {"post.1": {theirs.process: ProcessShare(2)}}, "it was only slow"

    async def test_what_another_version_wrote_is_not_counted(self, ours: Register, theirs: Register, redis: Any):
        await theirs.exchange({"post.1": ProcessShare(2)}, [])
        await redis.hset(f"{PREFIX}:{theirs.process}", "post.1", '{"readers": 2}')
        assert await ours.exchange({}, ["post.1"]) == {"post.1": {}}

    async def test_redis_away_is_an_error_with_a_name(self, settings):
        settings.REDIS_URL = "unix:///nowhere/valkey.sock?db=0"
        nowhere = Register()
        for _ in range(2):
            with pytest.raises(PresenceAway):
                await nowhere.exchange({"post.1": ProcessShare(1)}, ["post.1"])
        await nowhere.close()

    async def test_redis_that_answers_nothing_is_away_too(self, settings, tmp_path):
        async def listen(reader, writer):
            await reader.read()
            writer.close()

        settings.REDIS_URL = f"unix://{tmp_path}/silent.sock"
        async with await asyncio.start_unix_server(listen, tmp_path / "silent.sock"):
            register = Register()
            async with asyncio.timeout(3 * REDIS_TIMEOUT):
                with pytest.raises(PresenceAway):
                    await register.exchange({"post.1": ProcessShare(1)}, ["post.1"])
            await register.close()
