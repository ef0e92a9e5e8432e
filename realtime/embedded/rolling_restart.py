"""A rolling restart: children are replaced one after another, each by a new one that is ready first.

Old and new share the listening socket, which stays with us: there is no moment in which nobody
accepts. The old one is then told to end, and is given the time to let its readers go in waves.
"""

import signal
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from realtime.embedded.readiness import Readiness
from realtime.embedded.supervisor import Running, Supervisor, ending

READY_WITHIN = 60.0  # seconds for a new process; then the old one stays


class Rolling:
    """One restart of some children. `step()` is called until it answers False; what it cannot replace stays."""

    def __init__(self, supervisor: Supervisor, children: Iterable[Running], patience: float) -> None:
        self._supervisor = supervisor
        self._left = deque(children)
        self._patience = patience  # seconds that an old one has to end in
        self._readiness = Readiness()
        self._new: Running | None = None
        self._old: Running | None = None
        self._deadline = 0.0

    def step(self) -> bool:
        """Does what can be done without waiting; whether there is more to come."""
        if self._old is not None:
            self._await_end(self._old)
        elif self._new is not None:
            self._await_ready(self._new)
        elif self._left:
            self._begin(self._left[0])
        else:
            self.end()
            return False
        return True

    def end(self) -> None:
        """What runs by now goes on running; its supervisor stops it."""
        self._readiness.close()

    def _begin(self, running: Running) -> None:
        self._readiness.heard()  # what an earlier one said late
        child = running.child
        new = replace(child, env={**child.env, **self._readiness.environment}, keep=False)
        self._new = self._supervisor.start(new)
        self._deadline = time.monotonic() + READY_WITHIN

    def _await_ready(self, new: Running) -> None:
        running = self._left[0]
        if self._readiness.heard() and not new.ended:
            self._new, self._old = None, self._supervisor.exchange(running, new)
            self._old.signal(signal.SIGTERM)
            self._deadline = time.monotonic() + self._patience
        elif new.ended or time.monotonic() > self._deadline:
            reason = ending(new) if new.ended else f"not ready within {READY_WITHIN:g} s"
            self._supervisor.say(f"{running.child.name} could not be replaced ({reason}); the old one stays.")
            self._supervisor.dismiss(new)
            self._new = None
            self._left.clear()

    def _await_end(self, old: Running) -> None:
        if old.ended or time.monotonic() > self._deadline:
            self._supervisor.dismiss(old)
            self._supervisor.say(f"{self._left.popleft().child.name} was replaced.")
            self._old = None
