"""The polling lease: a commit that ends within it does not ring, every other commit does."""

from time import monotonic

import pytest
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper

from blog.models import Author
from realtime.bell import Bell
from realtime.log import LogConnection
from realtime.polling_lease import LEASE_SECONDS, RENEW_BEFORE_SECONDS, SECONDS_LEFT_SQL, PollingLease
from realtime.position import MAX_OFFSET

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub():
    """A connection to the log that may set the lease, as a hub's does."""
    log = LogConnection()
    log.advance_and_read(MAX_OFFSET)
    yield log
    log.close()
    connection.polling_lease = PollingLease()


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    rung: list[float] = []
    # a machine that stands still for a second keeps it
    monkeypatch.setattr("realtime.polling_lease.LEASE_SECONDS", LEASE_SECONDS * 1000)
    monkeypatch.setattr(Bell, "ring", lambda self: rung.append(monotonic()))
    return rung


def lease(hub: LogConnection, seconds: float) -> None:
    """Makes one, of something to find; what this connection knew of an older one is forgotten."""
    Author.objects.create(name="Ada")
    hub.advance_and_read(MAX_OFFSET, lease=seconds)
    connection.polling_lease = PollingLease()


def test_a_commit_under_a_promise_is_not_rung_for(hub: LogConnection, rings: list[float]):
    lease(hub, LEASE_SECONDS * 1000)
    rings.clear()
    Author.objects.create(name="Ben")
    assert connection.polling_lease.is_open
    assert rings == []


def test_a_commit_without_a_promise_is_rung_for(hub: LogConnection, rings: list[float]):
    Author.objects.create(name="Ada")
    hub.advance_and_read(MAX_OFFSET)
    Author.objects.create(name="Ben")
    assert len(rings) == 2


def test_what_counts_is_the_time_after_commit(hub: LogConnection, rings: list[float], monkeypatch: pytest.MonkeyPatch):
    lease(hub, LEASE_SECONDS * 1000)
    rings.clear()

    def commit_late(self: DatabaseWrapper) -> None:
        assert self.polling_lease.is_open
        self.polling_lease.record(monotonic(), -1.0)  # it ends while the server writes
        commit(self)

    commit = DatabaseWrapper._commit
    monkeypatch.setattr(DatabaseWrapper, "_commit", commit_late)
    Author.objects.create(name="Ben")
    assert len(rings) == 1


def test_a_promise_that_is_over_is_none(hub: LogConnection, rings: list[float]):
    lease(hub, 1e-6)
    rings.clear()
    Author.objects.create(name="Ben")
    assert not connection.polling_lease.is_open
    assert len(rings) == 1


def test_nothing_is_promised_where_nothing_was_found(hub: LogConnection):
    assert hub.advance_and_read(MAX_OFFSET, lease=LEASE_SECONDS).promised == 0
    Author.objects.create(name="Ada")
    assert 0 < hub.advance_and_read(MAX_OFFSET, lease=LEASE_SECONDS).promised <= LEASE_SECONDS


def test_a_promise_is_never_taken_back(hub: LogConnection):
    lease(hub, LEASE_SECONDS * 1000)
    Author.objects.create(name="Ben")
    assert hub.advance_and_read(MAX_OFFSET, lease=LEASE_SECONDS).promised > LEASE_SECONDS
    Author.objects.create(name="Cleo")
    assert hub.advance_and_read(MAX_OFFSET).promised > LEASE_SECONDS


def test_it_is_asked_for_only_when_it_is_in_question(hub: LogConnection):
    lease(hub, LEASE_SECONDS * 1000)

    def asks() -> bool:
        asked.clear()
        with connection.execute_wrapper(note):
            Author.objects.create(name="Ben")
        return any(SECONDS_LEFT_SQL in sql for sql in asked)

    def note(execute, sql, params, many, context):
        asked.append(sql)
        return execute(sql, params, many, context)

    asked: list[str] = []
    assert asks()
    connection.polling_lease.record(monotonic() + 1000, LEASE_SECONDS)
    assert not asks()
    connection.polling_lease.record(monotonic() - LEASE_SECONDS, LEASE_SECONDS + RENEW_BEFORE_SECONDS)
    assert asks()


@pytest.mark.parametrize("left", [None, -0.5, 0.0])
def test_no_promise_is_not_open(left: float | None):
    known = PollingLease()
    known.record(monotonic(), left)
    assert not known.is_open
    assert known.needs_renewal


def test_no_answer_makes_a_promise_longer_than_they_are():
    """The server's clock was set back by an hour."""
    known = PollingLease()
    known.record(monotonic() - LEASE_SECONDS, 3600.0)
    assert not known.is_open
