"""Jobs in the admin: seen by those who may see them, cancelled and sent again by those who may, written by no form."""

from datetime import timedelta
from time import monotonic
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from blog.models import User
from blog.tasks import build_epub
from realtime.celery import app
from realtime.jobs import state_machine, sweep
from realtime.jobs.state_machine import State, claim, enqueue, move
from realtime.models import Task
from tests.cast import ben
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/realtime/task/"


@pytest.fixture(autouse=True)
def empty_queue():
    purge()
    yield
    purge()


def purge() -> None:
    with app.connection_for_write() as connection:
        app.control.purge(connection=connection)


def in_queue() -> int:
    with app.connection_for_read() as connection:
        return connection.default_channel.queue_declare("celery").message_count


def signed_in(*rights: str) -> Client:
    person: User = ben()
    person.user_permissions.add(*Permission.objects.filter(content_type__app_label="realtime", codename__in=rights))
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator() -> Client:
    return signed_in("view_task", "change_task")


def act(client: Client, action: str, *rows: Task):
    return client.post(LIST, {"action": action, "_selected_action": [str(row.pk) for row in rows]}, follow=True)


def a_job(*steps: str) -> Task:
    row = enqueue(build_epub, 1, about="book.1")
    for step in steps:
        assert move(str(row.pk), step)
    return row


def states(*rows: Task) -> list[str]:
    for row in rows:
        row.refresh_from_db()
    return [row.state for row in rows]


def test_the_list_shows_jobs_and_filters_them(operator):
    a_job(State.STARTED, State.FAILURE)
    a_job()
    page = operator.get(LIST)
    assert page.status_code == 200
    assert len(page.context["cl"].result_list) == 2
    assert [row.state for row in operator.get(f"{LIST}?state__exact=FAILURE").context["cl"].result_list] == ["FAILURE"]
    assert len(operator.get(f"{LIST}?q=book.1").context["cl"].result_list) == 2


def test_no_form_writes_a_job(operator):
    row = a_job()
    page = operator.get(f"{LIST}{row.pk}/change/")
    assert page.status_code == 200
    assert b"_save" not in page.content
    assert operator.post(f"{LIST}{row.pk}/change/", {"state": "SUCCESS"}).status_code == 403
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert act(operator, "delete_selected", row).status_code == 200
    assert states(row) == [State.PENDING]


def test_without_the_right_jobs_are_not_seen():
    assert signed_in().get(LIST).status_code == 403


@pytest.mark.parametrize("action", ["cancel_selected", "retry_selected"])
def test_who_may_only_look_steers_nothing(action):
    row = a_job(State.STARTED, State.FAILURE) if action == "retry_selected" else a_job()
    before = states(row)
    looker = signed_in("view_task")
    assert action.encode() not in looker.get(LIST).content
    with captured_events() as events:
        act(looker, action, row)
    assert (states(row), events) == (before, [])


def test_jobs_that_have_not_ended_are_cancelled_and_announced(operator):
    waiting, running, done = a_job(), a_job(State.STARTED), a_job(State.STARTED, State.SUCCESS)
    with captured_events() as events:
        page = act(operator, "cancel_selected", waiting, running, done)
    assert states(waiting, running, done) == [State.REVOKED, State.REVOKED, State.SUCCESS]
    assert sorted((event.kind, event.key) for event in events) == sorted(
        ("task.revoked", f"task.{row.pk}") for row in (waiting, running)
    )
    assert [str(message) for message in page.context["messages"]] == [
        "1 of the jobs had ended already.",
        "2 jobs were cancelled.",
    ]
    assert not claim(str(waiting.pk)), "its message is dropped when it comes"


def test_jobs_that_failed_are_sent_again_and_announced(operator):
    failed, running = a_job(State.STARTED, State.FAILURE), a_job(State.STARTED)
    Task.objects.filter(pk=failed.pk).update(attempts=3)
    purge()
    with captured_events() as events:
        page = act(operator, "retry_selected", failed, running)
    assert states(failed, running) == [State.RETRY, State.STARTED]
    assert [(event.kind, event.key) for event in events] == [("task.retried", f"task.{failed.pk}")]
    assert (in_queue(), failed.attempts) == (1, 0)
    assert [str(message) for message in page.context["messages"]] == [
        "1 of the jobs had not failed.",
        "1 job is tried again.",
    ]
    assert claim(str(failed.pk))


def test_a_job_that_no_worker_knows_any_more_is_not_sent_again(operator):
    row = a_job(State.STARTED, State.FAILURE)
    Task.objects.update(name="blog.tasks.gone")
    act(operator, "retry_selected", row)
    assert states(row) == [State.FAILURE]


def test_a_broker_that_is_away_keeps_no_one_from_cancelling(monkeypatch):
    row = a_job()
    with monkeypatch.context() as patch:
        patch.setenv("CELERY_BROKER_WRITE_URL", "redis+socket:///tmp/nothing-listens-here.sock")
        began = monotonic()
        assert state_machine.cancel(str(row.pk), str(uuid4())) == 1
        took = monotonic() - began
    assert states(row) == [State.REVOKED]
    assert took < 3, "a page waits for it"


def test_an_old_job_whose_retry_was_lost_with_the_broker_is_sent_by_the_sweep():
    row = a_job(State.STARTED, State.FAILURE)
    Task.objects.update(queued=timezone.now() - timedelta(days=7))
    assert state_machine.try_again(str(row.pk)) == 1
    purge()
    assert sweep.end_lost_jobs(resend_after=timedelta(0), reply_seconds=0.1) == 1
    assert (states(row), in_queue()) == ([State.RETRY], 1)
