"""The dispatcher: slices, turns of the audiences, and readers who cannot be served."""

import asyncio

import pytest

from consumers.delivery import dispatcher as dispatching
from consumers.delivery.dispatcher import Dispatcher
from consumers.delivery.registry import AudienceRegistry
from consumers.wire.batch import FrameBatch
from tests.consumers.delivery.followers import FakeFollower, event

HEARTBEAT = FrameBatch([b'{"type":"heartbeat"}'])


@pytest.fixture
def registry() -> AudienceRegistry:
    return AudienceRegistry()


@pytest.fixture
def dispatcher(registry: AudienceRegistry, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    monkeypatch.setattr(dispatching, "MAX_READERS_PER_TURN", 2)
    return Dispatcher(registry)


def joined(registry: AudienceRegistry, number: int, *topics: str) -> list[FakeFollower]:
    made = [FakeFollower(*topics) for _ in range(number)]
    for each in made:
        registry.join(each)
    return made


def served(followers: list[FakeFollower]) -> list[bool]:
    return [bool(each.writer.writes) for each in followers]


async def test_a_turn_of_the_loop_serves_one_slice(dispatcher: Dispatcher, registry: AudienceRegistry):
    followers = joined(registry, 5, "front")
    dispatcher.dispatch([event(1, "front")], 0.0)
    assert served(followers) == [True, True, False, False, False]
    await asyncio.sleep(0)
    assert served(followers) == [True, True, True, True, False]
    assert not dispatcher.is_idle
    await asyncio.sleep(0)
    assert all(served(followers))
    assert dispatcher.is_idle


async def test_audiences_take_turns(dispatcher: Dispatcher, registry: AudienceRegistry):
    many, few = joined(registry, 5, "front"), joined(registry, 1, "site")
    dispatcher.dispatch([event(1, "front"), event(2, "site")], 0.0)
    await asyncio.sleep(0)
    assert served(few) == [True], "a small audience does not wait for the end of a large one"
    assert served(many).count(True) == 3


async def test_what_arrives_meanwhile_is_written_once_and_in_order(dispatcher: Dispatcher, registry: AudienceRegistry):
    followers = joined(registry, 5, "front")
    for offset in (1, 2, 3):
        dispatcher.dispatch([event(offset, "front")], 0.0)
    while not dispatcher.is_idle:
        await asyncio.sleep(0)
    for each in followers:
        assert [offset for write in each.writer.writes for offset in write] == [1, 2, 3]


async def test_flush_leaves_nothing_due(dispatcher: Dispatcher, registry: AudienceRegistry):
    followers = joined(registry, 5, "front")
    dispatcher.dispatch([event(1, "front")], 0.0)
    dispatcher.flush()
    assert all(served(followers))
    assert dispatcher.is_idle
    await asyncio.sleep(0)
    assert [each.writer.writes for each in followers] == [[[1]]] * 5


async def test_a_reader_who_cannot_be_served_leaves_and_is_aborted(dispatcher: Dispatcher, registry: AudienceRegistry):
    broken, *others = joined(registry, 3, "front")
    broken.writer.is_broken = True
    dispatcher.dispatch([event(1, "front")], 0.0)
    dispatcher.flush()
    assert all(served(others))
    assert broken.writer.was_aborted
    assert registry.followers == others


async def test_a_held_reader_gets_its_share_and_no_write(dispatcher: Dispatcher, registry: AudienceRegistry):
    registry.join(held := FakeFollower("front", is_held=True))
    dispatcher.dispatch([event(1, "front"), event(2, "site"), event(3, "front")], 0.0)
    dispatcher.beat(HEARTBEAT, 100.0, silent_since=50.0)
    assert (held.held, held.writer.writes) == ([1, 3], [])
    assert dispatcher.is_idle


async def test_a_heartbeat_is_for_the_silent_alone(dispatcher: Dispatcher, registry: AudienceRegistry):
    (quiet,), (busy,), (waiting, late, last) = (
        joined(registry, 1, "site"), joined(registry, 1, "front"), joined(registry, 3, "books")
    )  # fmt: skip
    for audience in registry.audiences:
        audience.told_at = 0.0
    dispatcher.dispatch([event(1, "books")], 1.0)  # the last of them waits for the next turn
    dispatcher.dispatch([event(2, "front")], 100.0)
    dispatcher.beat(HEARTBEAT, 100.0, silent_since=50.0)
    dispatcher.flush()
    assert quiet.writer.writes == [["heartbeat"]]
    assert busy.writer.writes == [[2]]
    assert [each.writer.writes for each in (waiting, late, last)] == [[[1]]] * 3, "an event tells as much"
    dispatcher.beat(HEARTBEAT, 149.0, silent_since=99.0)
    assert quiet.writer.writes == [["heartbeat"]], "told at 100"
