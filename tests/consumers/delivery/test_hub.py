"""The hub and its backlog, without a server around them."""

import asyncio
import random
from datetime import UTC, datetime

import msgspec
import pytest

from consumers.delivery.backlog import Backlog
from consumers.delivery.hub import Hub
from consumers.delivery.log_tail import LogBatch, LogReset
from consumers.delivery.recovery import compact
from consumers.delivery.subscription import Subscription
from consumers.wire.batch import FrameBatch, framed
from consumers.wire.server_frames import HEARTBEAT_SECONDS, JSON, Entry, Variant
from realtime.log import Event
from realtime.position import Position

HTML = Variant("html", "ko")


class Page:
    """A writer that remembers its frames."""

    encoding = None
    is_lagging = True  # so that whoever writes much asks whether it was taken

    def __init__(self) -> None:
        self.frames: list[dict] = []
        self.cuts = 0

    def write(self, frame_batch: FrameBatch) -> None:
        self.frames += [msgspec.json.decode(text) for text in frame_batch.texts]

    async def drain(self) -> None:
        pass

    def abort(self) -> None:
        self.cuts += 1


def entry(
    offset: int, *topics: str, key: str = "tag.t", kind: str = "tag.updated", left: tuple[str, ...] = ()
) -> Entry:
    data = b'{"slug":"t","name":"Tide","url":"/t/","version":2}'
    return Entry(Event(offset, kind, key, topics, (), datetime(2026, 11, 20, tzinfo=UTC), data), "k3f9ab")


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    hub._arrived(LogReset("k3f9ab", 0, 0, 0, "start"))
    return hub


def a_reader(hub: Hub) -> tuple[Subscription, Page]:
    page = Page()
    subscription = Subscription(hub, page)
    subscription.open()
    return subscription, page


def silence(hub: Hub) -> None:
    """As if nobody had been told anything for almost a heartbeat."""
    for audience in hub.registry.audiences:
        audience.told_at -= HEARTBEAT_SECONDS - 1


async def test_readers_of_the_same_get_the_same_bytes(hub: Hub):
    readers = [a_reader(hub) for _ in range(3)]
    for subscription, _ in readers:
        await subscription.follow(["site"], [], None)
    frame_batches = []
    for _, page in readers:
        page.write = frame_batches.append
    hub._arrived(LogBatch([entry(1, "site"), entry(2, "front"), entry(3, "site")], 0))
    assert len(frame_batches) == 3
    assert len(set(map(id, frame_batches))) == 1
    assert len(frame_batches[0].texts) == 2


async def test_a_position_is_never_ahead_of_what_was_sent(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    """More readers than one slice: those of the next slice have not been served when they ask."""
    monkeypatch.setattr("consumers.delivery.dispatcher.MAX_READERS_PER_TURN", 1)
    readers = [a_reader(hub) for _ in range(3)]
    for subscription, _ in readers:
        await subscription.follow(["site"], [], None)
    hub._arrived(LogBatch([entry(1, "site")], 0))
    waiting = [(subscription, page) for subscription, page in readers if len(page.frames) == 1]
    assert len(waiting) == 2
    for subscription, page in waiting:
        assert subscription.position.offset == 1
        assert page.frames[-1]["position"] == "k3f9ab-1"


async def test_what_arrives_while_others_are_told_joins_what_waits(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("consumers.delivery.dispatcher.MAX_READERS_PER_TURN", 1)
    (busy, _), (reader, page) = a_reader(hub), a_reader(hub)
    await busy.follow(["front"], [], None)
    await reader.follow(["site"], [], None)
    writes: list[list[str]] = []
    page.write = lambda frame_batch: writes.append(
        [msgspec.json.decode(text)["position"] for text in frame_batch.texts]
    )
    hub._arrived(LogBatch([entry(1, "front"), entry(2, "site")], 0))
    hub._arrived(LogBatch([entry(3, "site")], 0))
    await asyncio.sleep(0)
    assert writes == [["k3f9ab-2"], ["k3f9ab-3"]]


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_happens_between_two_slices(hub: Hub, monkeypatch: pytest.MonkeyPatch, seed: int):
    """Readers come, follow, leave and ask while others wait for their slice: each gets its events, in order, once."""
    monkeypatch.setattr("consumers.delivery.dispatcher.MAX_READERS_PER_TURN", 2)
    dice = random.Random(seed)
    readers = [a_reader(hub) for _ in range(12)]
    expected: dict[Page, list[str]] = {page: [] for _, page in readers}
    too_late: list[FrameBatch] = []
    for _ in range(150):
        subscription, page = dice.choice(readers)
        topic = dice.choice(["site", "front", "books"])
        match dice.choice(["event", "event", "event", "turn", "follow", "resume", "leave", "ask", "beat", "close"]):
            case "event":
                for each, its_page in readers:
                    if topic in each.topics:
                        expected[its_page].append(f"k3f9ab-{hub.history.offset + 1}")
                hub._arrived(LogBatch([entry(hub.history.offset + 1, topic)], 0))
            case "turn":
                await asyncio.sleep(0)
            case "follow" if topic not in subscription.topics:
                await subscription.follow([topic], [], None)
            case "resume" if topic not in subscription.topics:
                await subscription.follow([topic], [], hub.position)
            case "leave" if topic in subscription.topics:
                subscription.unfollow([topic], "asked")
            case "ask":
                assert subscription.position.offset == hub.history.offset
                assert positions(page) == expected[page]
            case "close" if len(readers) > 2:
                readers.remove((subscription, page))
                subscription.close()
                page.write = too_late.append
            case "beat":
                silence(hub)
                hub._check_silence()
                hub._timer.cancel()
    while not hub._dispatcher.is_idle:
        await asyncio.sleep(0)
    assert [positions(page) for _, page in readers] == [expected[page] for _, page in readers]
    assert too_late == []
    told = [[int(frame["position"][7:]) for frame in page.frames if "position" in frame] for _, page in readers]
    assert told == [sorted(each) for each in told], "a position ran ahead of what was sent"


def positions(page: Page) -> list[str]:
    return [frame["position"] for frame in page.frames if frame["type"] == "event"]


async def test_one_broken_reader_harms_no_other(hub: Hub):
    (bad, bad_page), (good, good_page) = a_reader(hub), a_reader(hub)
    for subscription in (bad, good):
        await subscription.follow(["site"], [], None)

    def fail(frame_batch: FrameBatch) -> None:
        raise RuntimeError("broken")

    bad_page.write = fail
    hub._arrived(LogBatch([entry(1, "site")], 0))
    assert good_page.frames[-1]["type"] == "event"
    assert bad_page.cuts == 1
    assert len(hub.registry) == 1


async def test_silence_is_broken_by_a_heartbeat(hub: Hub):
    _, page = a_reader(hub)
    hub._check_silence()
    assert page.frames == []
    silence(hub)
    hub._check_silence()
    assert page.frames == [{"type": "heartbeat", "position": "k3f9ab-0"}]
    hub._timer.cancel()


async def test_a_heartbeat_moves_the_cursor_past_what_others_heard(hub: Hub):
    """Else who follows a quiet topic would come back from long ago, and be told that it is trimmed."""
    subscription, page = a_reader(hub)
    await subscription.follow(["site"], [], None)
    hub._arrived(LogBatch([entry(1, "front"), entry(2, "books")], 0))
    silence(hub)
    hub._check_silence()
    assert page.frames[-1] == {"type": "heartbeat", "position": "k3f9ab-2"}
    hub._timer.cancel()


async def test_who_left_is_forgotten(hub: Hub):
    subscription, _ = a_reader(hub)
    await subscription.follow(["site", "front"], [], None)
    subscription.close()
    subscription.close()
    assert (len(hub.registry), hub.registry.topics, hub.registry.variants) == (0, 0, ())


class TestVariants:
    """Frames of a variant are made as long as it is used: a count that is never given back costs every event."""

    @pytest.fixture
    async def answer(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> asyncio.Future[None]:
        """The tail is busy until this is set."""
        busy = asyncio.get_running_loop().create_future()
        monkeypatch.setattr(hub.tail, "call", lambda work: busy)
        return busy

    async def test_it_is_used_from_when_it_is_asked_for(self, hub: Hub, answer: asyncio.Future[None]):
        subscription, _ = a_reader(hub)
        changing = asyncio.ensure_future(subscription.set_variant(HTML))
        await asyncio.sleep(0)
        assert hub.registry.variants == (JSON, HTML)
        answer.set_result(None)
        await changing
        assert hub.registry.variants == (HTML,)
        subscription.close()
        assert hub.registry.variants == ()

    @pytest.mark.parametrize("is_cancelled", [True, False])
    async def test_a_reader_who_leaves_meanwhile_leaves_none(
        self, hub: Hub, answer: asyncio.Future[None], is_cancelled: bool
    ):
        (subscription, _), (other, _) = a_reader(hub), a_reader(hub)
        changing = asyncio.ensure_future(subscription.set_variant(HTML))
        await asyncio.sleep(0)
        if is_cancelled:
            changing.cancel()
        else:
            answer.set_result(None)
        subscription.close()
        await asyncio.wait([changing])
        assert hub.registry.variants == (JSON,)
        other.close()
        assert hub.registry.variants == ()


class TestBacklog:
    def test_it_holds_what_came_after_its_floor(self):
        backlog = Backlog(3, max_events=2)
        for offset in (4, 5, 6):
            backlog.append(entry(offset, "site"))
        assert (backlog.floor, [each.offset for each in backlog.after(4)]) == (4, [5, 6])
        assert backlog.after(6) == []

    def test_it_is_bounded_in_bytes_too(self):
        backlog = Backlog(0, max_bytes=entry(1, "site").size * 2)
        for offset in (1, 2, 3):
            backlog.append(entry(offset, "site"))
        assert (len(backlog), backlog.floor) == (2, 1)

    def test_a_withdrawal_takes_the_text_of_what_came_before(self):
        backlog = Backlog(0)
        other, before = entry(1, "site", key="tag.u"), entry(2, "site")
        for each in (other, before, entry(3, "site", kind="tag.withdrawn"), after := entry(4, "site")):
            backlog.append(each)
        texts = [b"Tide" in each.event.data for each in (other, before, after)]
        assert texts == [True, False, True]


def test_compaction_keeps_the_newest_of_each_in_order():
    events = [entry(1, "a", key="x"), entry(2, "a", key="y"), entry(3, "a", key="x")]
    assert [each.entry.offset for each in compact(events)] == [2, 3]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_frames_say_how_long_they_are(size: int):
    frame = framed(b"x" * size)
    header = 2 if size < 126 else 4 if size < 65536 else 10
    assert len(frame) == header + size
    assert int.from_bytes(frame[2:header] or frame[1:2], "big") == size


class TestWhileThePastLoads:
    """The log answers late; much happens until then."""

    @pytest.fixture
    def loaded(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
        hub._arrived(LogReset("k3f9ab", 5, 5, 0, "start"))
        answers = asyncio.Event()

        async def read(since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
            await answers.wait()
            return [entry(3, "site", key="tag.past")], 0

        monkeypatch.setattr(hub.history, "read", read)
        return answers

    async def test_live_events_are_held(self, hub: Hub, loaded: asyncio.Event):
        subscription, page = a_reader(hub)
        await subscription.follow(["front"], [], None)
        following = asyncio.ensure_future(subscription.follow(["site"], [], Position("k3f9ab", 2)))
        await asyncio.sleep(0)
        hub._arrived(LogBatch([entry(6, "site"), entry(7, "front"), entry(8, "books")], 0))
        hub._check_silence()
        hub._timer.cancel()
        assert len(page.frames) == 1
        loaded.set()
        await following
        hub._arrived(LogBatch([entry(9, "site")], 0))
        assert [frame["position"] for frame in page.frames[1:]] == [f"k3f9ab-{n}" for n in (2, 3, 6, 7, 9)]
        assert page.frames[1]["missed"] == 1

    async def test_another_epoch_makes_it_worthless(self, hub: Hub, loaded: asyncio.Event):
        subscription, page = a_reader(hub)
        await subscription.follow(["front"], [], None)
        following = asyncio.ensure_future(subscription.follow(["site"], [], Position("k3f9ab", 2)))
        await asyncio.sleep(0)
        hub._arrived(LogBatch([entry(6, "site")], 0))
        hub._arrived(LogReset("z", 1, 1, 0, "epoch"))
        loaded.set()
        await following
        answer, reset = page.frames[1:]
        assert (answer["recovered"], answer["position"]) == (False, "z-1")
        assert (reset["topics"], reset["position"], reset["reason"]) == (["front", "site"], "z-1", "epoch")

    async def test_what_was_trimmed_meanwhile_is_not_recovered(self, hub: Hub, monkeypatch: pytest.MonkeyPatch):
        async def read(since: int, topics: frozenset[str], until: int) -> tuple[list[Entry], int]:
            return [entry(4, "site")], 3

        hub._arrived(LogReset("k3f9ab", 5, 5, 0, "start"))
        monkeypatch.setattr(hub.history, "read", read)
        subscription, page = a_reader(hub)
        await subscription.follow(["site"], [], Position("k3f9ab", 2))
        assert [frame["type"] for frame in page.frames] == ["subscribed", "reset"]
        assert page.frames[1]["reason"] == "trimmed"
