"""Starts children, keeps them running, and stops them in order.

Signals only leave a mark; every wait passes through `pause()`, which looks at it. So nothing is
ever half started or half stopped, and a second Ctrl-C during the clean-up changes nothing.
"""

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from realtime.embedded.child import Child

ASKING = (signal.SIGINT, signal.SIGTERM)
TURN = 0.5  # seconds between two looks when no signal wakes us
SOON = 0.02  # seconds between two looks at something that is about to be ready
BACKOFF = (0.5, 30.0)  # seconds before a dead child is started again: first, longest
STEADY = 60.0  # seconds after which a child counts as having run well, and the backoff begins anew
BUDGET = 9.5  # seconds for stopping everything; `live` promises 10


class Stopped(Exception):
    """Somebody asked us to stop while we were waiting."""


class Failed(Exception):
    """Something could not be started; the text is one sentence for the person at the terminal."""


@dataclass
class Running:
    """A child that was started; `process` changes when it is started again."""

    child: Child
    process: "subprocess.Popen[bytes]"
    since: float
    delay: float = BACKOFF[0]
    again: float | None = None  # when to start it again; None while it runs

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Send a signal; SIGKILL goes to all it has started too (a worker's pool, a shell's child)."""
        try:
            if number == signal.SIGKILL and self.child.own_session:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        except ProcessLookupError:
            pass  # it ended meanwhile


class Supervisor:
    """The parent of everything that `live` and `test` start. Use as a context: leaving it stops all."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.asked: signal.Signals | None = None
        self.asked_anew = False  # SIGHUP: what `live` replaces, one after another
        self._all: list[Running] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self._waker = waker
        self._wakeup_before = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in ASKING:
            self._before[number] = signal.signal(number, self._ask)
        self._terminal = _has_terminal()
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wake)
        os.close(self._waker)

    def _ask(self, number: int, _: FrameType | None) -> None:
        self.asked = self.asked or signal.Signals(number)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        """A terminal that was closed says it too: then there is none any more, and everything ends."""
        if self._terminal and not _has_terminal():
            self._ask(number, frame)
        else:
            self.asked_anew = True

    def start(self, child: Child) -> Running:
        """Start a child. What stops when is said by its `stage`, not by when it was started."""
        running = Running(child, child.spawn(), time.monotonic())
        self._all.append(running)
        return running

    def pause(self, seconds: float) -> None:
        """Wait, or less when a signal comes. Raises Stopped when we were asked to stop."""
        if not self.asked:
            select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        if self.asked:
            raise Stopped

    def until(self, condition: Callable[[], bool], seconds: float, failure: str, every: float = SOON) -> None:
        """Wait for a condition; Failed when it takes too long, or when a child ends meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(failure)
            for running in self._all:
                if running.ended and running.child.keep:
                    reason = last_line(running.child.log) or "what it said stands above"
                    raise Failed(f"{running.child.name} ended at once ({ending(running)}): {reason}.")
            self.pause(every)

    def finish(self, running: Running) -> int:
        """Wait for a child that has an end of its own; its exit code."""
        while not running.ended:
            self.pause(TURN)
        running.signal(signal.SIGKILL)  # what it has left behind
        self._all.remove(running)
        return running.process.returncode

    def exchange(self, running: Running, new: Running) -> Running:
        """The process of `new` takes the place of the one that is kept running; the other is returned."""
        old = Running(new.child, running.process, running.since)
        self._all[self._all.index(new)] = old
        running.process, running.since, running.again = new.process, new.since, None
        return old

    def dismiss(self, running: Running) -> None:
        """End a child, whether or not it has ended, with all it has started."""
        running.signal(signal.SIGKILL)
        running.process.wait()
        self._all.remove(running)

    def watch(self, turn: Callable[[], None] = lambda: None) -> None:
        """Keep every child running until somebody asks us to stop; `turn` is called each time around."""
        try:
            while True:
                for running in self._all:
                    self._keep(running)
                turn()
                self.pause(TURN)
        except Stopped:
            return

    def _keep(self, running: Running) -> None:
        if not running.child.keep:
            return
        now = time.monotonic()
        if running.again is None and running.ended:
            if now - running.since > STEADY:
                running.delay = BACKOFF[0]
            running.signal(signal.SIGKILL)  # what it leaves behind would keep its port or its job
            running.child.fell()
            running.again = now + running.delay
            self.say(f"{running.child.name} ended ({ending(running)}); starting it again in {running.delay:g} s.")
            running.delay = min(running.delay * 2, BACKOFF[1])
        if running.again is not None and now >= running.again:
            running.process, running.since, running.again = running.child.spawn(), now, None

    def stop(self) -> None:
        """Stop all, stage by stage. Returns when nothing of ours is left."""
        deadline = time.monotonic() + BUDGET
        for _, stage in groupby(sorted(self._all, key=_stage), key=_stage):
            group = list(stage)
            for running in group:
                # at a terminal, Ctrl-C has reached it already: twice would cut its own clean-up short
                if running.child.own_session or self.asked != signal.SIGINT:
                    running.signal(running.child.stop)
            for running in group:
                _end(running, min(time.monotonic() + running.child.patience, deadline))
        self._all.clear()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _stage(running: Running) -> int:
    return running.child.stage


def _end(running: Running, deadline: float) -> None:
    try:
        running.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        running.process.kill()
    running.signal(signal.SIGKILL)
    running.process.wait()


def ending(running: Running) -> str:
    """How it ended, in words: "exit code 3" or "SIGKILL"."""
    code = running.process.returncode
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def last_line(log: Path | None) -> str:
    """The last thing a child wrote to its log: mostly why it ended."""
    lines = log.read_text(errors="replace").strip().splitlines() if log and log.exists() else []
    return lines[-1].rstrip(".") if lines else ""
