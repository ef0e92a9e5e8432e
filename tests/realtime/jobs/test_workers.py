"""Jobs in real workers: done, refused, retried, cancelled, and what becomes of those whose worker is killed."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
import redis
from django.conf import settings

from realtime.celery import app, debug_task
from realtime.jobs import sweep
from realtime.jobs.state_machine import State, cancel, enqueue
from realtime.models import Task
from tests.realtime.jobs import sample_jobs
from tests.realtime.jobs.workers import Worker, WorkerGroup, refreshed, until_done, until_state
from tests.tail import CapturedEvents, captured_events
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def worker_group(child_environment, tmp_path_factory) -> Iterator[WorkerGroup]:
    worker_group = WorkerGroup(child_environment, tmp_path_factory.mktemp("workers"))
    yield worker_group
    worker_group.stop_all()


@pytest.fixture(scope="module")
def worker(worker_group) -> Worker:
    return worker_group.start("press")


@pytest.fixture(autouse=True)
def settled(transactional_db, worker_group) -> Iterator[None]:
    yield
    worker_group.wait_until_idle()


def percents(events: CapturedEvents) -> list[tuple[str, int]]:
    return [(event.kind, msgspec.json.decode(event.data)["percent"]) for event in events]


def test_what_a_worker_has_loaded_is_left_alone(worker):
    row = until_done(enqueue(sample_jobs.frozen))
    assert row.result > 100_000


def test_a_job_that_refuses_says_why(worker):
    row = until_done(enqueue(sample_jobs.refuse))
    assert (row.state, row.error) == (State.FAILURE, "There is no ink left.")
    assert row.finished


def test_a_job_that_tries_again_says_so_each_time(worker):
    with captured_events() as events:
        row = until_done(enqueue(sample_jobs.stumble, 2))
    assert (row.state, row.attempts, row.result) == (State.SUCCESS, 3, 2)
    again = ["task.started", "task.progressed", "task.retried"]
    assert events.kinds() == ["task.queued", *again, *again, *again[:2], "task.succeeded"]
    backward = [after for before, after in pairwise(percents(events)) if after[1] < before[1]]
    assert {kind for kind, _ in backward} == {"task.retried"}


def test_a_job_that_hangs_is_ended_once(worker):
    with captured_events() as events:
        row = until_done(enqueue(sample_jobs.hang))
        until(lambda: app.backend.get_state(str(row.pk)) == State.FAILURE)
    assert row.error == "The job took longer than it may."
    assert events.kinds() == ["task.queued", "task.started", "task.failed"]


def test_progress_that_nobody_would_see_fails_the_job(worker):
    row = until_done(enqueue(sample_jobs.whisper))
    assert row.state == State.FAILURE
    assert "ProgressInTransaction" in row.error


def test_a_running_job_is_cancelled_once(worker):
    with captured_events() as events:
        row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
        for _ in range(2):
            app.control.revoke(str(row.pk), terminate=True)
        until_done(row)
        ends_well = until_done(enqueue(sample_jobs.stumble, 0))  # by then, the doubles have been stored
    assert (refreshed(row).state, ends_well.state) == (State.REVOKED, State.SUCCESS)
    assert events.kinds().count("task.revoked") == 1


def test_a_job_that_is_cancelled_by_its_row_is_ended_in_its_worker(worker):
    row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
    with captured_events() as events:
        assert cancel(str(row.pk)) == 1
        until_done(enqueue(sample_jobs.stumble, 0))  # the only child is free
    assert (refreshed(row).state, [event.kind for event in events if event.key == f"task.{row.pk}"]) == (
        State.REVOKED,
        ["task.revoked"],
    )


def test_a_worker_prints_a_request(worker):
    debug_task.delay()
    until(lambda: "Request: <Context:" in worker.log.read_text())


def test_a_killed_child_s_job_is_begun_again(worker):
    with captured_events() as events:
        row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
        worker.kill_child()
        until(lambda: refreshed(row).attempts == 2 and row.state == State.PROGRESS)
    assert events.kinds()[-3:] == ["task.retried", "task.started", "task.progressed"]
    app.control.revoke(str(row.pk), terminate=True)
    until_done(row)


def test_a_job_that_kills_its_worker_is_not_tried_for_ever(worker):
    with captured_events() as events:
        row = until_done(enqueue(sample_jobs.fall), seconds=60)
    assert (row.state, row.error) == (State.FAILURE, "The worker stopped before the job was done.")
    assert events.kinds().count("task.started") == 3


def test_a_worker_shows_that_it_lives(worker):
    client = redis.Redis.from_url(settings.REDIS_URL)
    key = f"stop-press:worker:{worker.name}"
    until(lambda: client.exists(key) == 1)
    assert 0 < client.ttl(key) <= 8
    client.close()


def test_the_sweep_leaves_a_silent_job_that_a_worker_is_at(worker):
    row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
    assert sweep.end_lost_jobs(lost_after=timedelta(0)) == 0
    app.control.revoke(str(row.pk), terminate=True)
    until_done(row)


def test_a_worker_touches_the_rows_of_what_it_runs(worker):
    row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
    seen = row.heartbeat
    until(lambda: refreshed(row).heartbeat > seen)
    app.control.revoke(str(row.pk), terminate=True)
    until_done(row)


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_killed_worker_s_job_is_given_to_the_next_or_ends(worker_group, worker, attempts):
    worker.stop()
    doomed = worker_group.start(f"doomed-{attempts}")
    row = until_state(enqueue(sample_jobs.stay), State.PROGRESS)
    Task.objects.filter(pk=row.pk).update(attempts=attempts)
    doomed.kill()
    with captured_events() as events:
        assert sweep.end_lost_jobs(lost_after=timedelta(0)) == 1
    if attempts == 3:
        assert events.data("task.failed")["error"] == "The worker stopped before the job was done."
        return
    assert events.kinds() == ["task.retried"]
    following = worker_group.start("next")
    until_state(row, State.PROGRESS)
    app.control.revoke(str(row.pk), terminate=True)
    until_done(row)
    following.stop()
