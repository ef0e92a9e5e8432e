"""A rolling restart: children are replaced one after another, each by a new process that is ready first.

Old and new share the listening socket, which the supervisor keeps: connections are accepted at every
moment. The old process is then told to end, and has the time to close its readers' sockets in waves.
"""

import signal
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from realtime.embedded.readiness import ReadinessSocket
from realtime.embedded.supervisor import Running, Supervisor, describe_exit

READY_TIMEOUT = 60.0  # seconds for a new process to be ready; then the old one stays


class RollingRestart:
    """One restart of some children. `step()` is called until it returns False; what it cannot replace stays."""

    def __init__(self, supervisor: Supervisor, children: Iterable[Running], stop_timeout: float) -> None:
        self._supervisor = supervisor
        self._waiting = deque(children)
        self._stop_timeout = stop_timeout  # seconds for an old process to end
        self._readiness = ReadinessSocket()
        self._new: Running | None = None
        self._old: Running | None = None
        self._deadline = 0.0

    def step(self) -> bool:
        """Does what can be done without waiting; returns whether more is to be done."""
        if self._old is not None:
            self._await_end(self._old)
        elif self._new is not None:
            self._await_ready(self._new)
        elif self._waiting:
            self._begin(self._waiting[0])
        else:
            self.close()
            return False
        return True

    def close(self) -> None:
        """Ends the restart where it is. The processes that run by now go on; the supervisor stops them."""
        self._readiness.close()

    def _begin(self, running: Running) -> None:
        self._readiness.ready_received()  # a late one, of an earlier process
        child = running.child
        new = replace(child, env={**child.env, **self._readiness.environment}, restart=False)
        self._new = self._supervisor.start(new)
        self._deadline = time.monotonic() + READY_TIMEOUT

    def _await_ready(self, new: Running) -> None:
        running = self._waiting[0]
        if self._readiness.ready_received() and not new.ended:
            self._new, self._old = None, self._supervisor.swap_process(running, new)
            self._old.signal(signal.SIGTERM)
            self._deadline = time.monotonic() + self._stop_timeout
        elif new.ended or time.monotonic() > self._deadline:
            reason = describe_exit(new) if new.ended else f"not ready within {READY_TIMEOUT:g} s"
            self._supervisor.print_line(f"{running.child.name} could not be replaced ({reason}); the old one stays.")
            self._supervisor.kill(new)
            self._new = None
            self._waiting.clear()

    def _await_end(self, old: Running) -> None:
        if old.ended or time.monotonic() > self._deadline:
            self._supervisor.kill(old)
            self._supervisor.print_line(f"{self._waiting.popleft().child.name} was replaced.")
            self._old = None
