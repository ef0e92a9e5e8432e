"""The beats of a worker, one at a time."""

from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test import override_settings

from blog.tasks import build_epub
from realtime.jobs import worker_heartbeat
from realtime.jobs.state_machine import State, enqueue, move
from realtime.jobs.worker_heartbeat import WorkerHeartbeat

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = SimpleNamespace(hostname="beats@tests")


@pytest.fixture
def running(monkeypatch):
    """A job that this process runs, as far as the worker knows."""
    row = enqueue(build_epub, 1)
    move(str(row.pk), State.STARTED)
    row.refresh_from_db()
    monkeypatch.setattr(worker_heartbeat, "active_requests", [SimpleNamespace(id=str(row.pk))])
    return row


def cut() -> None:
    """Ends the connection of this process, as a restart of PostgreSQL does."""
    with connection.cursor() as cursor, pytest.raises(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def test_a_beat_touches_the_rows_of_running_jobs(running):
    before = running.heartbeat
    WorkerHeartbeat(WORKER).touch_rows()
    running.refresh_from_db()
    assert running.heartbeat > before


def test_a_beat_that_failed_does_not_keep_the_next_from_the_database(running, caplog):
    before, heartbeat = running.heartbeat, WorkerHeartbeat(WORKER)
    cut()
    for _ in range(3):
        heartbeat.touch_rows()
    running.refresh_from_db()
    assert running.heartbeat > before
    assert sum("cannot show that it is alive" in record.message for record in caplog.records) == 1


@override_settings(REDIS_URL="unix:///nothing-is-running?db=0", NO_REDIS="unix:///nothing-is-running?db=0")
def test_without_a_redis_the_rows_are_touched_and_a_sentence_says_what_is_not(caplog):
    timers = []
    timer = SimpleNamespace(
        call_repeatedly=lambda seconds, beat: timers.append(beat) or SimpleNamespace(cancel=lambda: None)
    )
    heartbeat = WorkerHeartbeat(WORKER)
    heartbeat.start(SimpleNamespace(hostname="beats@tests", timer=timer))
    heartbeat.stop(WORKER)
    assert timers == [heartbeat.touch_rows]
    assert worker_heartbeat.NO_REDIS in caplog.messages


@override_settings(REDIS_URL="unix:///nothing-is-running?db=0")
def test_the_health_check_says_that_no_redis_is_given(client):
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["troubles"] == [
        "No Redis is given (REDIS_URL, or a BROKER_URL that is one): no worker can be seen."
    ]
