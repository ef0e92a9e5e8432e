"""What pages and events show of a job, and how its events are told.

A job's truth is its row (realtime.models.Task), moved by realtime.jobs.state_machine. Here is its public state,
and the declaration that reads it when a move is announced.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from realtime import kinds, log
from realtime.live import Live, declare
from realtime.models import Task
from realtime.publish import Change, NewEvent
from realtime.tickets import Reader
from realtime.topics import register as register_topic

STATE = Task.State
KINDS = {
    STATE.PENDING: "task.queued",
    STATE.STARTED: "task.started",
    STATE.PROGRESS: "task.progressed",
    STATE.RETRY: "task.retried",
    STATE.SUCCESS: "task.succeeded",
    STATE.FAILURE: "task.failed",
    STATE.REVOKED: "task.revoked",
}


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """A job as people see it. `error` is a sentence for a person, or null."""

    id: str
    name: str
    state: str
    percent: int
    step: str
    about: str
    result: Any
    error: str | None
    version: int


@dataclass(frozen=True)
class _ReadTask:
    """What is read for an event: the state, and whose job it is, which no event says."""

    state: TaskState
    by: int | None


@declare
class TaskLive(Live):
    """A job. It is announced where it is moved (realtime.jobs.state_machine), so no signal is listened to."""

    model = Task
    State = TaskState
    topics = ("task.{id}",)
    fragments = {"job": "blog/task/job.html"}

    def may_read(self, reader: Reader, topic: str) -> bool:
        """Returns whether the reader may follow every job.

        The account that started a job may follow that one: the family is personal, and the log knows.
        """
        return bool(reader.rights & {"desk", "staff"})

    def kinds(self) -> Iterator[kinds.Kind]:
        """Yields a kind for each state of a job."""
        for name in KINDS.values():
            yield kinds.Kind(name, TaskState, "task", self.fragments, self.context)

    def register_topics(self) -> None:
        """Makes the topics known: each is also for the account that started the job."""
        register_topic("task", self.may_read, personal=True)

    def connect(self) -> None:
        """Listens to nothing."""
        pass

    def read(self, changes: Sequence[Change]) -> Mapping[str, _ReadTask]:
        """Returns each job, and whose it is."""
        versions = {change.id: change.version for change in changes}
        rows = Task.objects.filter(pk__in=versions)
        return {str(row.pk): _ReadTask(task_state(row, versions[str(row.pk)]), row.by) for row in rows}

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        """Yields an event for each state that the transaction moved the job to."""
        if change.state is None:  # the row is gone: the trim took it, long after its end
            return
        topics = [change.key, *([f"user.{change.state.by}"] if change.state.by else []), "desk"]
        for kind in change.kinds:
            yield NewEvent(kind, topics, change.state.state)


def task_state(task: Task, version: int) -> TaskState:
    """Returns a job as people see it."""
    return TaskState(
        id=str(task.pk),
        name=task.name,
        state=task.state,
        percent=task.percent,
        step=task.step,
        about=task.about,
        result=task.result,
        error=task.error or None,
        version=version,
    )


def task_states(tasks: "QuerySet[Task]") -> list[TaskState]:
    """Returns the states of jobs, in the queryset's order: one query."""
    return [task_state(row, row.announced) for row in tasks.annotate(announced=log.version_of("task"))]


def newest(limit: int, about: str = "") -> list[TaskState]:
    """Returns the states of the newest jobs, about one object or about all."""
    return task_states((Task.objects.filter(about=about) if about else Task.objects.all()).order_by("-queued")[:limit])
