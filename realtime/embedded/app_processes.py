"""The processes of the application itself: what is run once at the start, and what is kept running."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGINT
from typing import Self

from realtime.embedded import listening
from realtime.embedded.child import Child
from realtime.embedded.rolling_restart import Rolling
from realtime.embedded.supervisor import Failed, Running, Supervisor, ending

EDGES, WORKERS = 1, 0  # the stages in which they stop: workers first, so that what they finish is still seen
FINISH = 5.0  # seconds that an edge has after its readers are gone, for requests
TAIL = 20  # lines of a failed command's output that are shown
# Celery warns root on every start. Here root is a container's, and tasks are JSON, never code.
QUIET = "ignore:You're running the worker with superuser privileges"


class Crew:
    """Starts `manage.py` and `celery` commands with the environment of one newsroom."""

    def __init__(
        self, supervisor: Supervisor, base: Path, data: Path, environment: Mapping[str, str], drain: float
    ) -> None:
        self._supervisor = supervisor
        self._base = base
        self._data = data
        self._patience = drain + FINISH
        self._edges: list[Running] = []
        self._rolling: Rolling | None = None
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": QUIET}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rolling is not None:
            self._rolling.end()

    def begin(self, command: str) -> Running:
        """Start a command of `manage.py` that has an end; its output is kept aside."""
        log = self._data / f"{command}.log"
        log.unlink(missing_ok=True)
        words = (sys.executable, self._base / "manage.py", command)
        return self._supervisor.start(Child(command, words, self._environment, self._base, log=log, keep=False))

    def finish(self, running: Running) -> None:
        """Wait for it; Failed, with the end of what it said, when it did not go well."""
        if self._supervisor.finish(running):
            child = running.child
            said = child.log.read_text(errors="replace").rstrip().splitlines()[-TAIL:] if child.log else []
            raise Failed("\n".join([*said, f"`manage.py {child.name}` failed ({ending(running)})."]))

    def work(self) -> None:
        """Start the workers and the schedule."""
        celery = (sys.executable, "-m", "celery", "--quiet", "-A", "realtime")
        # without mingle and gossip: they look for other workers, for a second at each start
        worker = ("worker", "--loglevel", "warning", "--without-mingle", "--without-gossip")
        jobs = (*worker, "--queues", "celery", "--concurrency", "2")
        due = (*worker, "--queues", "due", "--concurrency", "1", "--hostname", "due@%h")
        beat = ("beat", "--loglevel", "warning", "--pidfile", "")
        for name, words in ("worker", jobs), ("due worker", due), ("schedule", beat):
            self._supervisor.start(Child(name, celery + words, self._environment, self._base, stage=WORKERS))

    def serve(self, listener: socket.socket, edges: int) -> None:
        """Start the edges, all on one port."""
        listeners = listening.beside(listener, edges)
        for number in range(edges):
            listener = listeners[number % len(listeners)]
            self._edges.append(
                self._supervisor.start(self._edge(number + 1, edges, listener, alone=len(listeners) == 1))
            )

    def _edge(self, number: int, edges: int, listener: socket.socket, alone: bool) -> Child:
        fd = listener.fileno()
        return Child(
            f"edge {number}" if edges > 1 else "edge",
            (sys.executable, self._base / "manage.py", "edge", "--fd", str(fd)),
            self._environment,
            self._base,
            fds=(fd,),
            stage=EDGES,
            stop=SIGINT,  # at once: no other edge is left for the readers to go to
            fell=(lambda: None) if alone else (lambda: listening.close(listener)),
        )

    def renew(self) -> None:
        """One turn of a rolling restart of the edges, if there is one; begins one when SIGHUP has asked for it."""
        if self._supervisor.asked_anew:
            self._supervisor.asked_anew = False
            self._rolling = self._rolling or Rolling(self._supervisor, self._edges, self._patience)
        if self._rolling is not None and not self._rolling.step():
            self._rolling = None
