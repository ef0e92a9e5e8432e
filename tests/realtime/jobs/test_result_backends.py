"""A job's row moves whatever keeps Celery's results: one worker for each backend, all at the same jobs, at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import msgspec
import pytest
from celery.app.backends import by_url
from django.conf import settings
from django.db import transaction

from realtime import redis_url
from realtime.celery import app
from realtime.jobs.state_machine import State, enqueue
from realtime.log import Event
from realtime.models import Task
from tests.conftest import flush
from tests.realtime.jobs import sample_jobs
from tests.realtime.jobs.workers import Worker, WorkerGroup, refreshed, until_done, until_state
from tests.tail import captured_events
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db  # the tests only look; what the fixture wrote, it takes away

BACKENDS = {
    "ours": "realtime.jobs.result_backend:AnnouncedBackend",
    "django-db": "django-db",
    "django-cache": "django-cache",
    "redis": redis_url.for_celery(settings.REDIS_URL),
    "none": "disabled://",
}
RUN = token_hex(4)  # in the names of queues: a run that was killed leaves messages in its own
JOBS = {
    "tries again": (sample_jobs.stumble, 1),
    "reports by hand": (sample_jobs.by_hand,),
    "refuses": (sample_jobs.refuse,),
    "hangs": (sample_jobs.hang,),
    "has no shape": (sample_jobs.shapeless,),
    "is not kept": (sample_jobs.forgotten,),
    "kills its child": (sample_jobs.fall,),
    "is cancelled": (sample_jobs.stay,),
}


@dataclass(frozen=True)
class End:
    """What became of a job: its row, its events, and the state that the backend keeps."""

    row: Task
    kinds: list[str]
    progress: list[tuple[int, str]]
    kept: str | None


Ends = dict[str, dict[str, End]]  # by job and backend


@pytest.fixture(scope="module")
def ends(child_environment, django_db_blocker, tmp_path_factory) -> Iterator[Ends]:
    """All jobs in all workers; collected once, for tests that only look."""
    worker_group = WorkerGroup(child_environment, tmp_path_factory.mktemp("workers"))
    with django_db_blocker.unblock():
        begun = {
            name: worker_group.launch(name, "--queues", f"{name}-{RUN}", "-c", "3", CELERY_RESULT_BACKEND=backend)
            for name, backend in BACKENDS.items()
        }
        workers = {name: worker.until_ready() for name, worker in begun.items()}
        try:
            yield collect(workers)
        finally:
            worker_group.stop_all()
            flush(None)


def collect(workers: dict[str, Worker]) -> Ends:
    with captured_events() as events:
        rows = {job: {name: send(name, *call) for name in BACKENDS} for job, call in JOBS.items()}
        rows["is cancelled early"] = {name: send_revoked(worker) for name, worker in workers.items()}
        for name, row in rows["is cancelled"].items():
            until_state(row, State.PROGRESS)
            revoke(row, workers[name])
        for row in (row for of in rows.values() for row in of.values()):
            until_done(row, seconds=60)
        for name in BACKENDS:
            until_done(send(name, sample_jobs.stumble, 0))  # by then, the doubles have been stored
    return {
        job: {
            name: an_end(name, row, [event for event in events if event.key == f"task.{row.pk}"])
            for name, row in of.items()
        }
        for job, of in rows.items()
    }


def send(name: str, job: Any, *args: Any, before: Callable[[Task], None] = lambda row: None) -> Task:
    """A job for the worker with this backend, and no other. `before` is called before its message is sent."""
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(app.amqp.router, "routes", [lambda *_, **__: {"queue": f"{name}-{RUN}"}])
        row = enqueue(job, *args)
        before(row)
    return row


def send_revoked(worker: Worker) -> Task:
    name = worker.name.partition("@")[0]
    return send(name, sample_jobs.forgotten, before=lambda row: revoke(row, worker))


def revoke(row: Task, worker: Worker) -> None:
    """Returns when the worker has heard of it. Another one, which does not know the job, would store REVOKED itself."""
    app.control.revoke(str(row.pk), terminate=True, destination=[worker.name], reply=True, timeout=PATIENCE)


def an_end(name: str, row: Task, events: list[Event]) -> End:
    data = [msgspec.json.decode(event.data) for event in events]
    return End(
        refreshed(row),
        [event.kind.partition(".")[2] for event in events],
        [(entry["percent"], entry["step"]) for entry in data if entry["state"] == State.PROGRESS],
        kept(name, row),
    )


def kept(name: str, row: Task) -> str | None:
    """The state that the backend itself keeps, read in another process than its worker's."""
    backend, url = by_url(BACKENDS[name], app.loader)
    return None if name == "none" else backend(app=app, url=url).get_state(str(row.pk))


def each(value: Any) -> dict[str, Any]:
    return dict.fromkeys(BACKENDS, value)


EXPECTED = {
    "tries again": ["queued", "started", "progressed", "retried", "started", "progressed", "succeeded"],
    "reports by hand": ["queued", "started", "progressed", "succeeded"],
    "refuses": ["queued", "started", "failed"],
    "hangs": ["queued", "started", "failed"],
    "has no shape": ["queued", "started", "failed"],
    "is not kept": ["queued", "started", "succeeded"],
    "kills its child": ["queued", "started", "retried", "started", "retried", "started", "failed"],
    "is cancelled": ["queued", "started", "progressed", "revoked"],
    "is cancelled early": ["queued", "revoked"],
}


@pytest.mark.parametrize("job", EXPECTED)
def test_each_step_is_announced_once(ends, job):
    assert {name: end.kinds for name, end in ends[job].items()} == each(EXPECTED[job])


@pytest.mark.parametrize(
    ("job", "result"), [("tries again", 1), ("reports by hand", {"words": 12}), ("is not kept", 3)]
)
def test_a_job_that_succeeds_has_its_result(ends, job, result):
    got = {name: (end.row.state, end.row.percent, end.row.result) for name, end in ends[job].items()}
    assert got == each((State.SUCCESS, 100, result))


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ("refuses", "There is no ink left."),
        ("hangs", "The job took longer than it may."),
        ("has no shape", "Something went wrong that nobody foresaw"),
        ("kills its child", "The worker stopped before the job was done."),
    ],
)
def test_a_job_that_fails_says_why(ends, job, error):
    got = {name: (end.row.state, end.row.error.partition(" (")[0]) for name, end in ends[job].items()}
    assert got == each((State.FAILURE, error))


def test_progress_by_update_state_is_shown(ends):
    assert {name: end.progress for name, end in ends["reports by hand"].items()} == each([(40, "by hand")])


@pytest.mark.parametrize(
    ("job", "state"), [("tries again", "SUCCESS"), ("refuses", "FAILURE"), ("is cancelled", "REVOKED")]
)
def test_the_backend_keeps_what_celery_stores(ends, job, state):
    assert {name: end.kept for name, end in ends[job].items()} == each(state) | {"none": None}
