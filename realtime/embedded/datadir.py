"""DATA_DIR: who has it, where its servers listen, and the key that signs.

lock         held (flock) by `live` and, inherited, by the servers it starts: a free lock means that
             none of them is left, even after `kill -9`
run.json     what runs and where, for the commands in other terminals; mode 600
secret_key   made once; mode 600
demo.done    the demo newsroom was made; it is not made again, whatever became of it
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, Self

from realtime.embedded.backing_services import SOCKETS
from realtime.embedded.supervisor import Failed

PATIENCE = 10  # seconds for the servers of a killed `live` to write down what they have


class DataDir:
    """The directory of one newsroom on this machine. Two `live` never share one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_file = path / "run.json"
        self.lock = -1

    def __enter__(self) -> Self:
        """Take the lock and clear what a killed run left; Failed when somebody has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failed(f"DATA_DIR {self.path} cannot be used: {error.strerror}.") from error
        deadline = time.monotonic() + PATIENCE
        while not self._locked():
            pid = self.running().get("pid")
            if time.monotonic() > deadline or _alive(pid):
                raise Failed(f"{self.path} is in use by another `manage.py live` (process {pid}).")
            time.sleep(0.1)
        self._clear()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go: nothing runs here any more."""
        self.run_file.unlink(missing_ok=True)
        os.close(self.lock)

    def running(self) -> dict[str, Any]:
        """What run.json says; empty when there is none."""
        try:
            return dict(json.loads(self.run_file.read_text()))
        except FileNotFoundError:
            return {}

    def announce(self, **run: str) -> None:
        """Write run.json in one piece."""
        _write(self.run_file, json.dumps({"pid": os.getpid(), **run}, indent=1) + "\n")

    def make_secret(self) -> None:
        """Make the key that signs sessions and tickets, unless it is there."""
        if not (self.path / "secret_key").exists():
            _write(self.path / "secret_key", secrets.token_urlsafe(50) + "\n")

    def first(self, what: str) -> bool:
        """Whether this has never been done here to its end."""
        return not (self.path / f"{what}.done").exists()

    def done(self, what: str) -> None:
        """Note that it has been done, once and for all."""
        (self.path / f"{what}.done").touch()

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _clear(self) -> None:
        sockets = Path(self.running().get("sockets", ""))
        if sockets.parent == Path("/tmp") and sockets.name.startswith(SOCKETS):
            shutil.rmtree(sockets, ignore_errors=True)
        self.run_file.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Returns whether a `live` runs on this DATA_DIR, or a server that one has started."""
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _write(path: Path, text: str) -> None:
    """Replace a file in one step; nobody else may read it."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    making.replace(path)


def _alive(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (ProcessLookupError, TypeError):
        return False
    return True
