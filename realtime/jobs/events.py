"""The public state of a job, the kinds `task.*` that carry it, and the declaration that reads it.

The state of record is the job's row (realtime.models.Task), which realtime.jobs.state_machine moves and announces.
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
    """A job as pages show it and events carry it. `error` is a sentence for a person, or null."""

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
    """The state of a row, and the user who asked for the job: a topic is named after them, no event shows them."""

    state: TaskState
    by: int | None


@declare
class TaskLive(Live):
    """Declares jobs live. The state machine publishes their events, so no signal of the model is connected."""

    model = Task
    State = TaskState
    topics = ("task.{id}",)
    fragments = {"job": "blog/task/job.html"}

    def may_read(self, reader: Reader, topic: str) -> bool:
        """Returns whether the reader may follow all jobs. The user who started a job may follow that one besides.

        The family is personal: the edge asks the log whether a job's events are addressed to the user.
        """
        return bool(reader.rights & {"desk", "staff"})

    def kinds(self) -> Iterator[kinds.Kind]:
        """Yields the kinds of all steps; they are one family, of which recovery sends the newest."""
        for name in KINDS.values():
            yield kinds.Kind(name, TaskState, "task", self.fragments, self.context)

    def register_topics(self) -> None:
        """Registers `task.<id>` as a personal family."""
        register_topic("task", self.may_read, personal=True)

    def connect(self) -> None:
        """Connects nothing: no signal of the model announces a job."""

    def read(self, changes: Sequence[Change]) -> Mapping[str, _ReadTask]:
        """Returns the rows of the changed jobs, by id: one query."""
        versions = {change.id: change.version for change in changes}
        rows = Task.objects.filter(pk__in=versions)
        return {str(row.pk): _ReadTask(task_state(row, versions[str(row.pk)]), row.by) for row in rows}

    def build_events(self, change: Change) -> Iterator[NewEvent]:
        """Yields an event for each kind that was published, on the job's topic, its user's and the desk's."""
        if change.state is None:  # the row was trimmed, long after the job ended
            return
        topics = [change.key, *([f"user.{change.state.by}"] if change.state.by else []), "desk"]
        for kind in change.kinds:
            yield NewEvent(kind, topics, change.state.state)


def task_state(task: Task, version: int) -> TaskState:
    """Returns the public state of a row."""
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
    """Returns the states of jobs, in the queryset's order. One query."""
    return [task_state(row, row.announced) for row in tasks.annotate(announced=log.version_of("task"))]


def newest(limit: int, about: str = "") -> list[TaskState]:
    """Returns the states of the newest jobs, of all or about one object."""
    return task_states((Task.objects.filter(about=about) if about else Task.objects.all()).order_by("-queued")[:limit])
