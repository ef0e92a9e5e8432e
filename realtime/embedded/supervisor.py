"""Starts children, restarts those that die, and stops all of them in order.

A signal handler only sets a flag; every wait passes through `pause()`, which reads it. So no child is
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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
CHECK_INTERVAL = 0.5  # seconds between two checks of the children when no signal wakes us
READY_CHECK_INTERVAL = 0.02  # seconds between two checks of a server that is about to be ready
RESTART_DELAYS = (0.5, 30.0)  # seconds before a dead child is restarted: the first, doubled up to the second
STEADY_SECONDS = 60.0  # a child that ran for this long is restarted after the first delay again
STOP_TIMEOUT = 9.5  # seconds for stopping everything; `live` promises 10


class Stopped(Exception):
    """A signal asked us to stop while we were waiting."""


class Failed(Exception):
    """A process, a server or an address cannot be had; the text is one sentence for the person at the terminal."""


@dataclass
class Running:
    """A child that was started; `process` changes when it is restarted."""

    child: Child
    process: "subprocess.Popen[bytes]"
    started: float
    restart_delay: float = RESTART_DELAYS[0]
    restart_at: float | None = None  # time.monotonic(); None while it runs

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self.process.poll() is not None

    def signal(self, number: int) -> None:
        """Sends a signal; SIGKILL also to all that the process has started (a worker's pool, a shell's child)."""
        try:
            if number == signal.SIGKILL and self.child.own_session:
                os.killpg(self.process.pid, number)
            else:
                self.process.send_signal(number)
        except ProcessLookupError:
            pass  # it ended meanwhile


class Supervisor:
    """The parent of all processes that `live` and `test` start. A context manager: leaving it stops them."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self.print_line = print_line
        self.stop_request: signal.Signals | None = None
        self.restart_requested = False  # by SIGHUP; `live` then replaces its edges
        self._all: list[Running] = []
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        self._waker = waker
        self._wakeup_before = signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            self._before[number] = signal.signal(number, self._request_stop)
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

    def _request_stop(self, number: int, _: FrameType | None) -> None:
        self.stop_request = self.stop_request or signal.Signals(number)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        """SIGHUP asks for a restart; where our terminal was closed, which sends it too, it asks us to stop."""
        if self._terminal and not _has_terminal():
            self._request_stop(number, frame)
        else:
            self.restart_requested = True

    def start(self, child: Child) -> Running:
        """Starts a child. The order of stopping goes by its `stop_stage`, not by when it was started."""
        running = Running(child, child.spawn(), time.monotonic())
        self._all.append(running)
        return running

    def pause(self, seconds: float) -> None:
        """Waits, less where a signal comes. Raises Stopped when we were asked to stop."""
        if not self.stop_request:
            select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        if self.stop_request:
            raise Stopped

    def wait_until(
        self, condition: Callable[[], bool], seconds: float, failure: str, every: float = READY_CHECK_INTERVAL
    ) -> None:
        """Waits for a condition. Raises Failed when it takes too long, or when a child that is to run ends."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Failed(failure)
            for running in self._all:
                if running.ended and running.child.restart:
                    reason = last_line(running.child.log) or "its output stands above"
                    raise Failed(f"{running.child.name} ended at once ({describe_exit(running)}): {reason}.")
            self.pause(every)

    def wait(self, running: Running) -> int:
        """Waits for a child that ends by itself; returns its exit code."""
        while not running.ended:
            self.pause(CHECK_INTERVAL)
        running.signal(signal.SIGKILL)  # to the processes that it has left behind
        self._all.remove(running)
        return running.process.returncode

    def swap_process(self, running: Running, new: Running) -> Running:
        """Puts the process of `new` in the place of the one that is kept running, which it returns."""
        old = Running(new.child, running.process, running.started)
        self._all[self._all.index(new)] = old
        running.process, running.started, running.restart_at = new.process, new.started, None
        return old

    def kill(self, running: Running) -> None:
        """Kills a child, with all that it has started; one that has ended, too."""
        running.signal(signal.SIGKILL)
        running.process.wait()
        self._all.remove(running)

    def keep_running(self, on_check: Callable[[], None] = lambda: None) -> None:
        """Restarts children that die, until a signal asks us to stop; calls `on_check` every CHECK_INTERVAL."""
        try:
            while True:
                for running in self._all:
                    self._restart_if_dead(running)
                on_check()
                self.pause(CHECK_INTERVAL)
        except Stopped:
            return

    def _restart_if_dead(self, running: Running) -> None:
        if not running.child.restart:
            return
        now = time.monotonic()
        if running.restart_at is None and running.ended:
            if now - running.started > STEADY_SECONDS:
                running.restart_delay = RESTART_DELAYS[0]
            running.signal(signal.SIGKILL)  # to what it has left behind, which would keep its port or its job
            running.child.on_death()
            running.restart_at = now + running.restart_delay
            how, delay = describe_exit(running), running.restart_delay
            self.print_line(f"{running.child.name} ended ({how}); starting it again in {delay:g} s.")
            running.restart_delay = min(running.restart_delay * 2, RESTART_DELAYS[1])
        if running.restart_at is not None and now >= running.restart_at:
            running.process, running.started, running.restart_at = running.child.spawn(), now, None

    def stop(self) -> None:
        """Stops all children, stage by stage. Returns when no process of ours is left."""
        deadline = time.monotonic() + STOP_TIMEOUT
        for _, group in groupby(sorted(self._all, key=_stage), key=_stage):
            together = list(group)
            for running in together:
                # a child in the session of the terminal has had this Ctrl-C: a second would cut its clean-up short
                if running.child.own_session or self.stop_request != signal.SIGINT:
                    running.signal(running.child.stop_signal)
            for running in together:
                _end(running, min(time.monotonic() + running.child.stop_timeout, deadline))
        self._all.clear()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _stage(running: Running) -> int:
    return running.child.stop_stage


def _end(running: Running, deadline: float) -> None:
    try:
        running.process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        running.process.kill()
    running.signal(signal.SIGKILL)
    running.process.wait()


def describe_exit(running: Running) -> str:
    """Returns how the process ended: "exit code 3" or "SIGKILL"."""
    code = running.process.returncode
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def last_line(log: Path | None) -> str:
    """Returns the last line of a child's log, which mostly says why it ended; "" where there is none."""
    lines = log.read_text(errors="replace").strip().splitlines() if log and log.exists() else []
    return lines[-1].rstrip(".") if lines else ""
