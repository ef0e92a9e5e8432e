"""Processes that are started for a measurement, and end with it."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from bench import Failed
from realtime.embedded.child import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "bench" / "out"  # what is built, installed and said; nothing of it is kept
READY = 60.0  # seconds for a server to answer on a busy machine
PATIENCE = 5.0  # seconds to end in


def until(holds: Callable[[], bool], what: str, seconds: float = READY) -> None:
    """Waits for a condition; `what` names it in the sentence that ends a vain wait."""
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise Failed(f"{what} did not happen within {seconds:g} s.")
        time.sleep(0.02)


class Process:
    """A process whose end is ours; what it says is in a file of OUT."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        told: bool = False,  # it is spoken to through pipes
    ) -> None:
        OUT.mkdir(exist_ok=True)
        self.name = name
        self.log = OUT / f"{name.replace(' ', '-')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE if told else subprocess.DEVNULL,
                stdout=subprocess.PIPE if told else log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status once it has ended."""
        return self._process.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        """As `until`, but the end of this process ends the wait."""

        def it_does() -> bool:
            if self.status is not None:
                raise Failed(f"{self.name} ended at once: {self.last_words()}")
            return holds()

        until(it_does, what)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing."

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Told(Process):
    """A process that does what a line says and answers with a line of JSON."""

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        environment: Mapping[str, str] | None = None,
        patience: float = 300,
    ) -> None:
        super().__init__(name, command, environment, told=True)
        self._patience = patience
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._said = b""

    def ask(self, *words: object) -> dict[str, Any]:
        self.say(*words)
        return self.heard()

    def say(self, *words: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise Failed(f"{self.name} ended: {self.last_words()}") from error

    def heard(self) -> dict[str, Any]:
        """The next answer."""
        assert self._process.stdout is not None
        limit = time.monotonic() + self._patience
        while b"\n" not in self._said:
            if not self._selector.select(max(0.0, limit - time.monotonic())):
                raise Failed(f"{self.name} did not answer within {self._patience:g} s.")
            came = os.read(self._process.stdout.fileno(), 1 << 16)
            if not came:
                raise Failed(f"{self.name} ended: {self.last_words()}")
            self._said += came
        line, _, self._said = self._said.partition(b"\n")
        return dict(json.loads(line))

    def end(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._selector.close()
        super().end()
