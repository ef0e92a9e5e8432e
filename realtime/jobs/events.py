"""What pages and events show of a job, and how its events are told.

A job's truth is its row (realtime.models.Task), moved by realtime.jobs.state_machine. Here is its public state,
the kinds `task.*` that carry it, and the source that reads it when a move is announced.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from realtime import kinds, log
from realtime.models import Task
from realtime.publish import Change, NewEvent, StandaloneSource, register

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
FRAGMENTS = {"job": "blog/task/job.html"}


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
class _Seen:
    """What is read for an event: the state, and whose job it is, which no event says."""

    state: TaskState
    by: int | None


class TaskSource(StandaloneSource):
    """The family of keys `task.<id>`: nothing is shown inside a job, so it stands last in the order of locks."""

    rank = 90

    def read(self, changes: Sequence[Change]) -> Mapping[str, _Seen]:
        versions = {change.id: change.version for change in changes}
        rows = Task.objects.filter(pk__in=versions)
        return {str(row.pk): _Seen(task_state(row, versions[str(row.pk)]), row.by) for row in rows}

    def build_events(self, change: Change) -> Iterable[NewEvent]:
        if change.state is None:  # the row is gone: the trim took it, long after its end
            return
        topics = [change.key, *([f"user.{change.state.by}"] if change.state.by else []), "desk"]
        for kind in change.kinds:
            yield NewEvent(kind, topics, change.state.state)


def task_state(task: Task, version: int) -> TaskState:
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
    """The states of jobs, in the queryset's order: one query."""
    return [task_state(row, row.announced) for row in tasks.annotate(announced=log.version_of("task"))]


def newest(limit: int, about: str = "") -> list[TaskState]:
    """The newest jobs, of one object or of all."""
    return task_states((Task.objects.filter(about=about) if about else Task.objects.all()).order_by("-queued")[:limit])


def shows_task(task: TaskState) -> Mapping[str, Any]:
    return {"task": task}


def register_all() -> None:
    """Makes the kinds and the source known. Called from AppConfig.ready()."""
    for name in KINDS.values():
        kinds.register(kinds.Kind(name, TaskState, "task", FRAGMENTS, shows_task))
    register("task", TaskSource())
