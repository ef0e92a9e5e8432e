"""The application's own processes: commands that run once at the start, and processes that are kept running."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGINT
from typing import Self

from realtime.embedded import listening
from realtime.embedded.child import Child
from realtime.embedded.rolling_restart import RollingRestart
from realtime.embedded.supervisor import Failed, Running, Supervisor, describe_exit

# workers stop first, so that readers still see the jobs that they finish
EDGES_STAGE, WORKERS_STAGE = 1, 0
FINISH_TIMEOUT = 5.0  # seconds for an edge to answer its last requests, after its readers are gone
SHOWN_LINES = 20  # lines of a failed command's output that are shown
# Celery warns root on every start. Here root is a container's, and jobs are JSON, never code.
NO_ROOT_WARNING = "ignore:You're running the worker with superuser privileges"


class AppProcesses:
    """Starts `manage.py` and `celery` commands with the environment of one DATA_DIR."""

    def __init__(
        self, supervisor: Supervisor, base: Path, data: Path, environment: Mapping[str, str], drain: float
    ) -> None:
        self._supervisor = supervisor
        self._base = base
        self._data = data
        self._stop_timeout = drain + FINISH_TIMEOUT
        self._edges: list[Running] = []
        self._rolling_restart: RollingRestart | None = None
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": NO_ROOT_WARNING}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rolling_restart is not None:
            self._rolling_restart.close()

    def start_command(self, command: str) -> Running:
        """Starts a `manage.py` command that ends by itself; its output goes to `<command>.log` in DATA_DIR."""
        log = self._data / f"{command}.log"
        log.unlink(missing_ok=True)
        words = (sys.executable, self._base / "manage.py", command)
        return self._supervisor.start(Child(command, words, self._environment, self._base, log=log, restart=False))

    def finish_command(self, running: Running) -> None:
        """Waits for the command's end; raises Failed, with the last lines of its output, where it failed."""
        if self._supervisor.wait(running):
            child = running.child
            shown = child.log.read_text(errors="replace").rstrip().splitlines()[-SHOWN_LINES:] if child.log else []
            raise Failed("\n".join([*shown, f"`manage.py {child.name}` failed ({describe_exit(running)})."]))

    def start_workers(self) -> None:
        """Starts the workers and the schedule."""
        celery = (sys.executable, "-m", "celery", "--quiet", "-A", "realtime")
        # without mingle and gossip: they look for other workers, for a second at each start
        worker = ("worker", "--loglevel", "warning", "--without-mingle", "--without-gossip")
        jobs = (*worker, "--queues", "celery", "--concurrency", "2")
        due = (*worker, "--queues", "due", "--concurrency", "1", "--hostname", "due@%h")
        beat = ("beat", "--loglevel", "warning", "--pidfile", "")
        for name, words in ("worker", jobs), ("due worker", due), ("schedule", beat):
            self._supervisor.start(Child(name, celery + words, self._environment, self._base, stop_stage=WORKERS_STAGE))

    def start_edges(self, listener: socket.socket, edges: int) -> None:
        """Starts the edges, all on one port."""
        listeners = listening.listeners_on_port(listener, edges)
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
            stop_stage=EDGES_STAGE,
            stop_signal=SIGINT,  # at once, without a drain: no other edge is left for the readers
            on_death=(lambda: None) if alone else (lambda: listening.stop_accepting(listener)),
        )

    def step_rolling_restart(self) -> None:
        """Goes on with the rolling restart of the edges, if one is under way; begins one where SIGHUP has come."""
        if self._supervisor.restart_requested:
            self._supervisor.restart_requested = False
            self._rolling_restart = self._rolling_restart or RollingRestart(
                self._supervisor, self._edges, self._stop_timeout
            )
        if self._rolling_restart is not None and not self._rolling_restart.step():
            self._rolling_restart = None
