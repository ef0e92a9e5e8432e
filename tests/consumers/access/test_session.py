"""A session of its own: expiry, revocation and personal topics, without a connection."""

import asyncio
import gc
import weakref
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from consumers.access.connection_quota import quota
from consumers.access.revocations import Revocations
from consumers.access.session import Session
from realtime.errors import BadTicket
from realtime.log import Event
from realtime.revocations import KIND, Access
from realtime.tickets import ANONYMOUS, Reader

TASK = "task.00000000-0000-0000-0000-000000000001"


def reader(*rights: str, id: int = 7, seconds: float = 60, session: str = "s", version: int = 1) -> Reader:
    expires = datetime.now(UTC) + timedelta(seconds=seconds)
    return Reader(id, "ada", frozenset(rights), session, expires, version)


class Source:
    """The hub's part: what was revoked, and a log in which one object is on one topic."""

    def __init__(self) -> None:
        self.revocations = Revocations()
        self.asked: list[tuple[str, list[str]]] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def addressed(self, topic: str, keys: Collection[str]) -> set[str]:
        self.asked.append((topic, list(keys)))
        await self.answers.wait()
        return {TASK} & set(keys) if topic == "user.7" else set()

    def revoke(self, change: Access) -> None:
        data = msgspec.json.encode(change)
        topic = f"user.{change.id}"
        self.revocations.apply([Event(1, KIND, topic, (topic,), (), datetime.now(UTC), data)])


class Owner:
    """A connection that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.expired = asyncio.Event()

    def access_expired(self) -> None:
        self.expired.set()

    def access_changed(self, lost: frozenset[str]) -> None:
        self.told.append(lost)

    def access_ended(self) -> None:
        self.told.append("ended")


@pytest.fixture(autouse=True)
def unlimited(settings) -> None:
    settings.LIVE_MAX_PER_ADDRESS = settings.LIVE_MAX_PER_USER = 0


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def session(owner: Owner, source: Source) -> Session:
    return Session(owner, source)


async def test_it_begins_anonymous(session: Session):
    assert session.current_reader is ANONYMOUS
    assert session.refusals(["front", "desk", "no such"]) == {"desk": "forbidden", "no such": "unknown"}


async def test_rights_come_with_the_reader_and_go_with_the_next(session: Session):
    session.become(reader("desk"))
    assert session.refusals(["desk", "user.7", "user.8"]) == {"user.8": "forbidden"}
    session.become(ANONYMOUS)
    assert list(session.refusals(["desk", "user.7"])) == ["desk", "user.7"]


class TestExpiry:
    async def test_rights_end_with_the_ticket_whether_a_timer_has_run_or_not(self, session: Session):
        session.become(reader("desk", seconds=-1))
        assert session.refusal("desk") == "forbidden"
        assert session.current_reader is ANONYMOUS

    async def test_its_owner_is_told_and_ends_it(self, session: Session, owner: Owner):
        session.become(reader("desk", seconds=0.01))
        await asyncio.wait_for(owner.expired.wait(), 5)
        assert session.expire()
        assert session.reader is ANONYMOUS
        assert not session.expire(), "once"

    async def test_a_new_ticket_outlives_the_timer_of_the_old(self, session: Session, owner: Owner):
        session.become(reader("desk", seconds=0.01))
        session.become(reader("desk", seconds=60))
        assert not session.expire()
        session.become(reader("desk", seconds=0.02))
        await asyncio.wait_for(owner.expired.wait(), 5)
        session.become(reader("desk", seconds=60))
        assert not session.expire(), "renewed before its owner came to it"
        assert session.refusal("desk") is None


class TestRevocation:
    async def test_a_sign_in_that_ended_ends_its_sessions_alone(self, session: Session, owner: Owner, source: Source):
        other = Session(other_owner := Owner(), source)
        ticket = reader("desk")
        session.become(ticket)
        other.become(reader("desk", session="another"))
        source.revoke(Access(7, ("desk",), ("s",), "valid", 2))
        assert (owner.told, other_owner.told) == (["ended"], [])
        assert session.is_over
        assert session.refusal("desk") == "forbidden"
        assert other.refusal("desk") is None
        with pytest.raises(BadTicket):
            other.become(ticket)

    async def test_a_lost_right_is_told(self, session: Session, owner: Owner, source: Source):
        ticket = reader("desk", "staff")
        session.become(ticket)
        source.revoke(Access(7, ("staff",), (), "stale", 2))
        assert owner.told == [frozenset({"desk"})]
        assert session.refusals(["desk", "user.7"]) == {"desk": "forbidden"}
        with pytest.raises(BadTicket):
            await session.admit(ticket)
        assert session.reader.rights == {"staff"}, "a ticket that is refused changes nothing"

    async def test_what_a_newer_ticket_knows_already_is_no_news(self, session: Session, owner: Owner, source: Source):
        session.become(reader("desk", version=2))
        source.revoke(Access(7, (), (), "stale", 2))
        assert owner.told == []
        assert session.refusal("desk") is None

    async def test_it_is_that_of_the_reader_of_now(self, session: Session, owner: Owner, source: Source):
        session.become(reader("desk"))
        session.become(reader("desk", id=8))
        source.revoke(Access(7, (), (), "ended", 2))
        assert owner.told == []
        source.revoke(Access(8, (), (), "ended", 2))
        assert owner.told == ["ended"]


class TestPersonalTopics:
    async def test_one_question_for_all_names(self, session: Session, source: Source):
        session.become(reader())
        await session.load_personal(["front", TASK, "task.2", "desk", "user.7"])
        assert source.asked == [("user.7", [TASK, "task.2", "desk"])]
        assert session.refusals([TASK, "task.2", "desk"]) == {"task.2": "forbidden", "desk": "forbidden"}

    @pytest.mark.parametrize(("who", "names"), [(reader(), ["front", "desk"]), (ANONYMOUS, [TASK])])
    async def test_no_question_where_none_can_be_theirs(
        self, session: Session, source: Source, who: Reader, names: list[str]
    ):
        session.become(who)
        await session.load_personal(names)
        assert source.asked == []

    async def test_they_outlive_a_right_and_a_ticket_that_is_renewed(self, session: Session, source: Source):
        session.become(reader("staff"))
        session.become(reader())
        await session.load_personal([TASK])
        session.become(reader())
        source.revoke(Access(7, (), (), "stale", 2))
        assert session.refusal(TASK) is None

    async def test_they_end_with_the_reader(self, session: Session):
        session.become(who := reader())
        await session.load_personal([TASK])
        session.become(reader(id=8))
        assert session.refusal(TASK) == "forbidden"
        session.become(who)
        assert session.refusal(TASK) == "forbidden", "asked for again"

    async def test_they_end_with_the_ticket(self, session: Session):
        session.become(reader(seconds=60))
        await session.load_personal([TASK])
        session.reader = replace(session.reader, expires=datetime.now(UTC))
        assert session.refusal(TASK) == "forbidden"

    async def test_an_answer_that_comes_late_is_not_the_next_reader_s(self, session: Session, source: Source):
        source.answers.clear()
        session.become(reader())
        asking = asyncio.ensure_future(session.load_personal([TASK]))
        await asyncio.sleep(0)
        session.become(reader(id=8))
        source.answers.set()
        await asking
        assert session.refusal(TASK) == "forbidden"


class TestSlots:
    async def test_without_one_the_reader_stays_who_it_was(
        self, session: Session, settings, monkeypatch: pytest.MonkeyPatch
    ):
        settings.LIVE_MAX_PER_USER = settings.LIVE_MAX_PER_ADDRESS = 2
        monkeypatch.setitem(quota.held, "user:7", 2)
        monkeypatch.setitem(quota.held, "address:192.0.2.1", 2)
        assert not await session.take_address_slot("192.0.2.1")
        assert not await session.admit(reader())
        assert session.reader is ANONYMOUS
        assert await session.admit(ANONYMOUS)


class TestEnd:
    async def test_its_owner_is_told_nothing_any_more(self, session: Session, owner: Owner, source: Source):
        session.become(reader("desk", seconds=0.01))
        Session(later := Owner(), source).become(reader(id=8, seconds=0.01))
        session.end()
        source.revoke(Access(7, (), (), "ended", 2))
        await asyncio.wait_for(later.expired.wait(), 5)
        assert (owner.told, owner.expired.is_set()) == ([], False)
        assert session.is_over
        session.become(reader("desk", version=3))
        assert session.reader is ANONYMOUS, "nobody reads there any more"
        session.release()
        session.release()

    async def test_nothing_keeps_its_owner(self, source: Source):
        """The collector looks once a day: what ends must be free of cycles."""
        owner = Owner()
        session = Session(owner, source)
        session.become(reader(seconds=60))
        gone = weakref.ref(owner)
        gc.disable()
        try:
            session.release()
            del owner
            assert gone() is None
        finally:
            gc.enable()
