"""A job's truth: which steps a row may take, what is said of each, and what ends a job that was lost."""

from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from django.db import transaction
from django.utils import timezone
from kombu import Connection, pools

from blog.tasks import build_epub
from realtime.celery import app
from realtime.errors import ProgressInTransaction
from realtime.jobs import job, sweep
from realtime.jobs.job import progress
from realtime.jobs.result_backend import sentence
from realtime.jobs.state_machine import FINAL, STEPS, State, TaskError, claim, enqueue, move
from realtime.models import Task
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)

ROUTES = {  # how a row gets to a state, from the beginning
    State.PENDING: (),
    State.STARTED: (State.STARTED,),
    State.PROGRESS: (State.STARTED, State.PROGRESS),
    State.RETRY: (State.STARTED, State.RETRY),
    State.SUCCESS: (State.STARTED, State.SUCCESS),
    State.FAILURE: (State.STARTED, State.FAILURE),
    State.REVOKED: (State.REVOKED,),
}
KINDS = {
    State.STARTED: "task.started",
    State.PROGRESS: "task.progressed",
    State.RETRY: "task.retried",
    State.SUCCESS: "task.succeeded",
    State.FAILURE: "task.failed",
    State.REVOKED: "task.revoked",
}


@pytest.fixture(autouse=True)
def empty_queue():
    """No worker runs here: what is sent stays in the queue, and is thrown away before and after."""
    purge()
    yield
    purge()


def purge() -> int:
    with app.connection_for_write() as connection:
        return app.control.purge(connection=connection)


def in_queue() -> int:
    with app.connection_for_read() as connection:
        return connection.default_channel.queue_declare("celery").message_count


def a_job(state: State = State.PENDING, by: int | None = 7) -> Task:
    row = enqueue(build_epub, 1, about="book.1", by=by)
    for step in ROUTES[state]:
        assert move(str(row.pk), step)
    row.refresh_from_db()
    return row


def backend():
    return app.backend


@pytest.mark.parametrize("here", ROUTES)
def test_a_row_takes_the_steps_of_the_table_and_no_other(here):
    for there in KINDS:
        row = a_job(here)
        with captured_events() as events:
            moved = move(str(row.pk), there, percent=50, step="half")
        row.refresh_from_db()
        allowed = there in STEPS[here]
        assert (moved, row.state) == (allowed, there if allowed else here), there
        assert events.kinds() == ([KINDS[there]] if allowed else []), there


def test_no_state_but_a_failure_is_ever_left_after_the_end():
    assert {state: STEPS[state] for state in FINAL} == {
        State.SUCCESS: frozenset(),
        State.REVOKED: frozenset(),
        State.FAILURE: {State.RETRY},
    }


def test_enqueue_announces_the_row_and_sends_it_with_the_same_id():
    with captured_events() as events:
        row = enqueue(build_epub, 5, about="book.5", by=7)
    assert events.kinds() == ["task.queued"]
    assert events[0].topics == (f"task.{row.pk}", "user.7", "desk")
    assert events.data("task.queued") == {
        "id": str(row.pk),
        "name": "blog.tasks.build_epub",
        "state": "PENDING",
        "percent": 0,
        "step": "",
        "about": "book.5",
        "result": None,
        "error": None,
        "version": 1,
    }
    assert in_queue() == 1


def test_a_rolled_back_enqueue_says_and_sends_nothing():
    with captured_events() as events, transaction.atomic():
        enqueue(build_epub, 5)
        transaction.set_rollback(True)
    assert (events, Task.objects.count(), in_queue()) == ([], 0, 0)


def test_a_broker_that_is_away_fails_nobody_and_is_made_up_for(monkeypatch):
    nowhere = Connection("redis+socket:///tmp/nothing-listens-here.sock")
    with monkeypatch.context() as patch:
        patch.setattr(app.amqp, "_producer_pool", pools.producers[nowhere])
        row = enqueue(build_epub, 5)
    assert (row.state, in_queue()) == (State.PENDING, 0)
    assert end_lost_jobs(resend_after=timedelta(0)) == 1
    assert in_queue() == 1


def test_percent_never_goes_back_but_after_a_retry():
    row = a_job(State.STARTED)
    for percent, expected in ((40, 40), (20, 40), (60, 60), (200, 100)):
        move(str(row.pk), State.PROGRESS, percent=percent, step=f"{percent}")
        row.refresh_from_db()
        assert row.percent == expected
    move(str(row.pk), State.RETRY)
    row.refresh_from_db()
    assert (row.percent, row.step) == (0, "")


def test_the_same_progress_again_is_no_event():
    row = a_job(State.STARTED)
    with captured_events() as events:
        for _ in range(3):
            move(str(row.pk), State.PROGRESS, percent=40, step="half")
    assert events.kinds() == ["task.progressed"]


def test_a_double_is_announced_once():
    for state, result in (
        (State.FAILURE, TimeLimitExceeded(1)),
        (State.REVOKED, TaskError("revoked")),
        (State.SUCCESS, {"number": 1}),
    ):
        row = a_job(State.STARTED)
        with captured_events() as events:
            for _ in range(2):
                backend().store_result(str(row.pk), result, state)
        assert events.kinds() == [KINDS[state]]
        assert backend().get_state(str(row.pk)) == state


@pytest.mark.parametrize("end", sorted(FINAL))
def test_what_comes_late_overwrites_no_end(end):
    for late in (State.STARTED, State.PROGRESS, State.RETRY):
        row = a_job(State.STARTED)
        backend().store_result(str(row.pk), TaskError("x") if end != State.SUCCESS else 1, end)
        with captured_events() as events:
            backend().store_result(str(row.pk), {"percent": 5}, late)
        row.refresh_from_db()
        assert (row.state, backend().get_state(str(row.pk)), events) == (end, end, []), late


def test_a_retry_that_is_stored_after_the_next_run_began_is_not_believed():
    row = a_job(State.RETRY)
    assert claim(str(row.pk))
    backend().store_result(str(row.pk), TaskError("again"), State.RETRY)
    row.refresh_from_db()
    assert row.state == State.STARTED


def test_what_celery_stores_and_what_is_announced_are_one_transaction():
    row = a_job(State.STARTED)
    with captured_events() as events, transaction.atomic():
        backend().store_result(str(row.pk), 1, State.SUCCESS)
        transaction.set_rollback(True)
    row.refresh_from_db()
    assert (row.state, backend().get_state(str(row.pk)), events) == (State.STARTED, "PENDING", [])


def test_progress_stored_by_update_state_moves_the_row():
    row = a_job(State.STARTED)
    with captured_events() as events:
        backend().store_result(str(row.pk), {"percent": 40, "step": "chapter 12 of 30"}, State.PROGRESS)
    data = events.data("task.progressed")
    assert (data["percent"], data["step"]) == (40, "chapter 12 of 30")


def test_a_task_without_a_row_is_stored_as_ever():
    for task_id in ("0b5f7a9e-0000-4000-8000-000000000000", "by-hand"):
        backend().store_result(task_id, 1, "SUCCESS")
        assert backend().get_state(task_id) == "SUCCESS"


def test_progress_inside_a_transaction_is_refused(monkeypatch):
    class Running:
        class request:
            called_directly = False

    monkeypatch.setattr(job, "current_task", Running)
    with pytest.raises(ProgressInTransaction), transaction.atomic():
        progress(50, "half")


def test_a_failure_says_a_sentence_and_never_a_traceback():
    assert sentence(TaskError("This book has no published chapters yet.")) == "This book has no published chapters yet."
    assert sentence(WorkerLostError("Worker exited prematurely")) == "The worker stopped before the job was done."
    assert sentence(TimeLimitExceeded(9)) == sentence(SoftTimeLimitExceeded(9)) == "The job took longer than it may."
    assert sentence(KeyError("secret")) == "Something went wrong that nobody foresaw (KeyError)."


def test_one_delivery_runs_and_its_double_does_not():
    row = a_job()
    assert claim(str(row.pk))
    assert not claim(str(row.pk))
    move(str(row.pk), State.SUCCESS)
    assert not claim(str(row.pk))
    assert not claim(str(row.pk), redelivered=True)


@pytest.mark.parametrize("state", [State.STARTED, State.PROGRESS, State.FAILURE])
def test_a_redelivery_begins_again_and_says_so(state):
    row = a_job(state)
    with captured_events() as events:
        assert claim(str(row.pk), redelivered=True)
    assert events.kinds() == ["task.retried", "task.started"]
    row.refresh_from_db()
    assert (row.state, row.percent, row.attempts, row.finished) == (State.STARTED, 0, 2, None)


def test_what_takes_the_worker_down_is_not_tried_for_ever():
    row = a_job()
    assert claim(str(row.pk))
    assert claim(str(row.pk), redelivered=True)
    assert claim(str(row.pk), redelivered=True)
    with captured_events() as events:
        assert not claim(str(row.pk), redelivered=True)
    assert events.data("task.failed")["error"] == "The worker stopped before the job was done."


def end_lost_jobs(**limits: timedelta) -> int:
    return sweep.end_lost_jobs(reply_seconds=0.1, **limits)  # seconds: no worker is there to answer


def silent(row: Task, seconds: int = 61) -> None:
    Task.objects.filter(pk=row.pk).update(heartbeat=timezone.now() - timedelta(seconds=seconds))


@pytest.mark.parametrize("state", [State.STARTED, State.PROGRESS])
def test_the_sweep_begins_a_lost_job_again(state):
    row = a_job(state)
    purge()
    silent(row)
    with captured_events() as events:
        assert end_lost_jobs() == 1
    assert events.kinds() == ["task.retried"]
    assert in_queue() == 1
    assert claim(str(row.pk))


@pytest.mark.parametrize("change", ["not idempotent", "tried too often", "no such task"])
def test_the_sweep_fails_what_may_not_be_run_again(change, monkeypatch):
    row = a_job(State.PROGRESS)
    silent(row)
    if change == "not idempotent":
        monkeypatch.setattr(build_epub, "acks_late", False)
    elif change == "tried too often":
        Task.objects.update(attempts=3)
    else:
        Task.objects.update(name="blog.tasks.gone")
    with captured_events() as events:
        assert end_lost_jobs() == 1
    assert events.data("task.failed")["error"] == "The worker stopped before the job was done."


def test_the_sweep_leaves_a_job_that_shows_life():
    for state in (State.STARTED, State.PROGRESS, State.PENDING, *FINAL):
        a_job(state)
    with captured_events() as events:
        assert end_lost_jobs() == 0
    assert events == []


@pytest.mark.parametrize("ends", [True, False])
def test_the_sweep_leaves_a_job_that_ended_or_showed_life_since_it_was_seen(ends, monkeypatch):
    row = a_job(State.PROGRESS)
    silent(row)

    def meanwhile(rows, inspect):
        if ends:
            move(str(row.pk), State.SUCCESS)
        else:
            Task.objects.update(heartbeat=timezone.now())
        return set()

    monkeypatch.setattr(sweep, "_known_to_workers", meanwhile)
    with captured_events() as events:
        assert end_lost_jobs() == 0
    assert events.kinds() == (["task.succeeded"] if ends else [])


def test_the_sweep_leaves_what_waits_in_the_queue():
    row = a_job()
    Task.objects.update(queued=timezone.now() - timedelta(minutes=30))
    assert end_lost_jobs() == 0
    purge()
    assert end_lost_jobs() == 1
    assert in_queue() == 1
    purge()
    assert end_lost_jobs() == 0, "it has only just been sent again"
    row.refresh_from_db()
    assert row.state == State.PENDING


def test_the_sweep_tells_who_waited_an_hour_that_nobody_came():
    a_job()
    purge()
    Task.objects.update(queued=timezone.now() - timedelta(hours=2))
    with captured_events() as events:
        assert end_lost_jobs() == 1
    assert events.data("task.failed")["error"] == "The job never started: no worker took it."
