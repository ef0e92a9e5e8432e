"""A person at a terminal: runs a command, reads what it prints, presses Ctrl-C, pulls the plug."""

import inspect
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from realtime.embedded.child import die_with_parent

BASE = Path(__file__).resolve().parent.parent.parent
# Variables that would lead a command to the servers or settings of this test run, or of the shell that runs it.
LEADING_ELSEWHERE = (
    "DJANGO_SETTINGS_MODULE",
    "POSTGRES_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "BROKER_URL",
    "DATA_DIR",
    "SECRET_KEY",
    "HOST",
    "PUBLIC_URL",
)


def clean_environment(**more: str) -> dict[str, str]:
    """Returns our environment without LEADING_ELSEWHERE, and with these variables."""
    ours = {name: value for name, value in os.environ.items() if name not in LEADING_ELSEWHERE}
    return {**ours, "PORT": "0", "PYTHONUNBUFFERED": "1", **more}


class Terminal:
    """One command, running in a session of its own as it does in a terminal."""

    def __init__(self, output: Path, *command: str | Path, **environment: str) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                env=clean_environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    @property
    def said(self) -> str:
        """All that the command has printed."""
        return self._output.read_text(errors="replace")

    def wait_for(self, text: str, seconds: float = 120) -> None:
        """Waits until the command has printed this; fails with its output where it ends before."""
        until(lambda: text in self.said or self.process.poll() is not None, seconds)
        assert text in self.said, self.said

    def ends(self, seconds: float = 60) -> int:
        """Waits for its end; returns its exit code."""
        return self.process.wait(seconds)


def run(*command: str | Path, **environment: str) -> tuple[int, str]:
    """Runs a command to its end; returns its exit code and all that it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def manage(*arguments: str, base: Path = BASE, **environment: str) -> tuple[int, str]:
    """Runs one `manage.py` command to its end; returns its exit code and all that it printed."""
    return run(sys.executable, base / "manage.py", *arguments, **environment)


def celery(*arguments: str, **environment: str) -> tuple[int, str]:
    """Runs one command of `celery -A realtime` to its end; returns its exit code and all that it printed."""
    return run(sys.executable, "-m", "celery", "-A", "realtime", *arguments, PYTHONPATH=str(BASE), **environment)


class Newsroom:
    """A `manage.py live` on a DATA_DIR."""

    def __init__(self, data_dir: Path, base: Path = BASE, **environment: str) -> None:
        self.data_dir = data_dir
        command = (sys.executable, base / "manage.py", "live")
        self.terminal = Terminal(data_dir.parent / "said", *command, DATA_DIR=str(data_dir), **environment)

    def ready(self) -> "Newsroom":
        """Waits until it serves."""
        self.terminal.wait_for("Stop Press is live at")
        return self

    @property
    def running(self) -> dict[str, str]:
        """The entries of its run.json."""
        return json.loads((self.data_dir / "run.json").read_text())

    def status(self, path: str) -> int:
        """Returns the status of a page; 0 where nothing answers."""
        try:
            return urllib.request.urlopen(self.running["url"] + path, timeout=30).status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return 0

    def signal(self, number: signal.Signals) -> None:
        self.terminal.process.send_signal(number)

    def family(self) -> set["Process"]:
        """Returns every process that it has started, directly or not."""
        return descendants(self.terminal.process.pid)

    def child(self, word: str) -> int:
        """Returns the pid of the supervisor's one child whose command line has this word."""
        ours = self.terminal.process.pid
        [pid] = [p.pid for p in self.family() if p.parent == ours and word in p.command]
        return pid


class Process:
    """One process as /proc shows it; its start time tells it from a later process with the same pid."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        self.state, self.parent, self.start = fields[0], int(fields[1]), fields[19]
        self.command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")

    @property
    def runs(self) -> bool:
        """Whether it still runs; a zombie does not."""
        try:
            now = Process(self.pid)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return now.start == self.start and now.state not in "ZX"


def descendants(pid: int) -> set[Process]:
    """Returns the processes that this one has started, directly or not."""
    everything = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                everything.append(Process(int(entry.name)))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we read
    found: set[Process] = set()
    parents = {pid}
    while parents:
        children = {process for process in everything if process.parent in parents} - found
        found |= children
        parents = {process.pid for process in children}
    return found


def left(family: set[Process]) -> list[str]:
    """Returns the command lines of the processes that still run."""
    return [process.command for process in family if process.runs]


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Waits for a condition; the failure shows the source of one that never holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {seconds} s: {inspect.getsource(holds).strip()}")
        time.sleep(0.05)
