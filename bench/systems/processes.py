"""Child processes of a measurement: each is stopped when its `with` block ends."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from bench import OUTPUT, ROOT, MeasurementError
from realtime.embedded.child import die_with_parent

READY_TIMEOUT_SECONDS = 60.0  # for a server to answer on a busy machine
STOP_TIMEOUT_SECONDS = 5.0  # after SIGTERM, before SIGKILL
ANSWER_TIMEOUT_SECONDS = 300.0  # for a command of a CommandProcess
POLL_SECONDS = 0.02


def wait_until(holds: Callable[[], bool], what: str, timeout: float = READY_TIMEOUT_SECONDS) -> None:
    """Waits for a condition; raises MeasurementError, naming `what`, after `timeout` seconds."""
    limit = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > limit:
            raise MeasurementError(f"{what} did not happen within {timeout:g} s.")
        time.sleep(POLL_SECONDS)


class Process:
    """A child process in a session of its own; its output goes to a log file in OUTPUT."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        piped: bool = False,  # stdin and stdout are pipes, and only stderr goes to the log
    ) -> None:
        OUTPUT.mkdir(exist_ok=True)
        self.name = name
        self.log = OUTPUT / f"{name.replace(' ', '-')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=subprocess.PIPE if piped else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, or None while the process runs."""
        return self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Waits as the function `wait_until` does; raises MeasurementError at once if this process ends."""

        def holds_while_running() -> bool:
            if self.exit_status is not None:
                raise MeasurementError(f"{self.name} ended at once: {self.last_log_line()}")
            return holds()

        wait_until(holds_while_running, what)

    def last_log_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "its log is empty."

    def stop(self) -> None:
        """Sends SIGTERM, and SIGKILL if the process has not ended within STOP_TIMEOUT_SECONDS."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class CommandProcess(Process):
    """A process that reads one command per line on stdin and answers each with one line of JSON on stdout."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        timeout: float = ANSWER_TIMEOUT_SECONDS,
    ) -> None:
        super().__init__(name, command, environment, piped=True)
        self._timeout = timeout
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._received = b""

    def ask(self, *words: object) -> dict[str, Any]:
        """Sends a command and returns its answer."""
        self.send(*words)
        return self.receive()

    def send(self, *words: object) -> None:
        """Sends a command, its words joined by spaces; `receive` returns the answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise MeasurementError(f"{self.name} ended: {self.last_log_line()}") from error

    def receive(self) -> dict[str, Any]:
        """Returns the next answer; raises MeasurementError if the process ends or exceeds its timeout."""
        assert self._process.stdout is not None
        limit = time.monotonic() + self._timeout
        while b"\n" not in self._received:
            if not self._selector.select(max(0.0, limit - time.monotonic())):
                raise MeasurementError(f"{self.name} did not answer within {self._timeout:g} s.")
            chunk = os.read(self._process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise MeasurementError(f"{self.name} ended: {self.last_log_line()}")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return dict(json.loads(line))

    def stop(self) -> None:
        """Closes both pipes, which ends the program by itself, and then stops it as any process."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._selector.close()
        super().stop()
