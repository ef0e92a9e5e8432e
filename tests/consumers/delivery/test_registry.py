"""The registry: who is in which audience, and which share of the events each audience gets."""

import pytest

from consumers.delivery.registry import AudienceRegistry
from consumers.wire.batch import FrameBatch
from consumers.wire.server_frames import JSON, Variant
from tests.consumers.delivery.followers import FakeFollower, event

HTML = Variant("html", "ko")


@pytest.fixture
def registry() -> AudienceRegistry:
    return AudienceRegistry()


def test_followers_of_the_same_are_one_audience(registry: AudienceRegistry):
    for follower in (
        FakeFollower("front", "site"),
        FakeFollower("site", "front"),
        FakeFollower("site"),
        FakeFollower("site", variant=HTML),
    ):
        registry.join(follower)
    assert sorted(len(audience) for audience in registry.audiences) == [1, 1, 2]
    assert (len(registry), registry.topics) == (4, 2)
    assert registry.variants == (JSON, HTML)


def test_a_follower_without_topics_is_in_an_audience_too(registry: AudienceRegistry):
    """It hears heartbeats, and no events."""
    registry.join(FakeFollower())
    assert len(registry.audiences) == 1
    assert registry.match([event(1, "front")]) == {}


def test_each_audience_has_the_mask_of_its_share(registry: AudienceRegistry):
    for follower in (
        both := FakeFollower("front", "site"),
        front := FakeFollower("front"),
        desk := FakeFollower("desk"),
    ):
        registry.join(follower)
    masks = registry.match([event(1, "site"), event(2, "front", "site"), event(3, "books"), event(4, "front")])
    assert {audience.key.topics: mask for audience, mask in masks.items()} == {
        frozenset(both.topics): 0b1011,
        frozenset(front.topics): 0b1010,
    }
    assert desk in registry.followers


def test_it_forgets_what_is_not_followed_any_more(registry: AudienceRegistry):
    one, other = FakeFollower("front", "site"), FakeFollower("site")
    registry.join(one)
    registry.join(other)
    for _ in range(2):
        registry.leave(one)
    assert (registry.followers, registry.topics, len(registry.audiences)) == ([other], 1, 1)
    registry.leave(other)
    assert (len(registry), registry.topics, registry.audiences, registry.variants) == (0, 0, [], ())


def test_what_waits_is_written_before_a_follower_moves(registry: AudienceRegistry):
    registry.join(mover := FakeFollower("front"))
    registry.join(stays := FakeFollower("front"))
    (audience,) = registry.audiences
    assert audience.add_heartbeat(FrameBatch([b'{"type":"heartbeat"}']), 0.0)
    mover.topics = ("site",)
    registry.reindex(mover)
    assert (mover.writer.writes, stays.writer.writes) == ([["heartbeat"]], [])
    audience.write(10)
    assert (mover.writer.writes, stays.writer.writes) == ([["heartbeat"]], [["heartbeat"]])
    assert registry.match([event(1, "front")]) == {audience: 1}
    assert len(audience) == 1


def test_one_who_has_left_is_not_brought_back(registry: AudienceRegistry):
    registry.join(follower := FakeFollower("front"))
    registry.leave(follower)
    registry.reindex(follower)
    assert (len(registry), registry.topics) == (0, 0)


def test_a_variant_is_in_use_from_its_first_user_to_its_last(registry: AudienceRegistry):
    assert registry.retain(HTML)
    assert not registry.retain(HTML)
    registry.release(HTML)
    assert registry.variants == (HTML,)
    registry.release(HTML)
    assert registry.variants == ()
