"""The processes of the application itself: what is run once at the start, and what is kept running."""

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from realtime.embedded.child import Child
from realtime.embedded.supervisor import Failed, Running, Supervisor, ending

EDGES, WORKERS = 1, 0  # the stages in which they stop: workers first, so that what they finish is still seen
TAIL = 20  # lines of a failed command's output that are shown
# Celery warns root on every start. Here root is a container's, and tasks are JSON, never code.
QUIET = "ignore:You're running the worker with superuser privileges"


class Crew:
    """Starts `manage.py` and `celery` commands with the environment of one newsroom."""

    def __init__(self, supervisor: Supervisor, base: Path, data: Path, environment: Mapping[str, str]) -> None:
        self._supervisor = supervisor
        self._base = base
        self._data = data
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": QUIET}

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
        """Start the worker and the schedule."""
        celery = (sys.executable, "-m", "celery", "--quiet", "-A", "realtime")
        # without mingle and gossip: they look for other workers, for a second at each start
        worker = ("worker", "--loglevel", "warning", "--concurrency", "2", "--without-mingle", "--without-gossip")
        beat = ("beat", "--loglevel", "warning", "--pidfile", "")
        for name, words in ("worker", worker), ("schedule", beat):
            self._supervisor.start(Child(name, celery + words, self._environment, self._base, stage=WORKERS))

    def serve(self, listening: socket.socket, edges: int) -> None:
        """Start the edges, all on one listening socket."""
        fd = listening.fileno()
        words = (sys.executable, self._base / "manage.py", "edge", "--fd", str(fd))
        for number in range(1, edges + 1):
            name = f"edge {number}" if edges > 1 else "edge"
            self._supervisor.start(Child(name, words, self._environment, self._base, fds=(fd,), stage=EDGES))
