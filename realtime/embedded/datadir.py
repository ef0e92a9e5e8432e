"""DATA_DIR: its lock, the file that says where its servers listen, and the secret key.

lock         held (flock) by `live` and, inherited, by the servers it starts: a free lock means that
             none of them is left, even after `kill -9`
run.json     the address of the edge and of the servers, for commands in other terminals; mode 600
secret_key   made once; mode 600
demo.done    the demo newsroom was made; it is not made again, even where it was deleted
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, Self

from realtime.embedded.backing_services import SOCKETS_PREFIX
from realtime.embedded.supervisor import Failed

LOCK_TIMEOUT = 10  # seconds for the servers of a killed `live` to write down what they have


class DataDir:
    """The directory in which one `live` keeps its data. Two `live` never share one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_file = path / "run.json"
        self.lock = -1

    def __enter__(self) -> Self:
        """Takes the lock and removes what a killed `live` left; raises Failed while another one holds it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Failed(f"DATA_DIR {self.path} cannot be used: {error.strerror}.") from error
        deadline = time.monotonic() + LOCK_TIMEOUT
        while not self._locked():
            pid = self.read_run_file().get("pid")
            if time.monotonic() > deadline or _alive(pid):
                raise Failed(f"{self.path} is in use by another `manage.py live` (process {pid}).")
            time.sleep(0.1)
        self._clear()
        return self

    def __exit__(self, *_: object) -> None:
        """Removes run.json and releases the lock: nothing runs here any more."""
        self.run_file.unlink(missing_ok=True)
        os.close(self.lock)

    def read_run_file(self) -> dict[str, Any]:
        """Returns the entries of run.json; none where there is no such file."""
        try:
            return dict(json.loads(self.run_file.read_text()))
        except FileNotFoundError:
            return {}

    def write_run_file(self, **run: str) -> None:
        """Writes run.json in one step."""
        _write(self.run_file, json.dumps({"pid": os.getpid(), **run}, indent=1) + "\n")

    def make_secret_key(self) -> None:
        """Makes the key that signs sessions and tickets, unless there is one."""
        if not (self.path / "secret_key").exists():
            _write(self.path / "secret_key", secrets.token_urlsafe(50) + "\n")

    def was_done(self, step: str) -> bool:
        """Returns whether `mark_done` was ever called for this step."""
        return (self.path / f"{step}.done").exists()

    def mark_done(self, step: str) -> None:
        """Notes that a step of the first start is done, for all later starts."""
        (self.path / f"{step}.done").touch()

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _clear(self) -> None:
        sockets = Path(self.read_run_file().get("sockets", ""))
        if sockets.parent == Path("/tmp") and sockets.name.startswith(SOCKETS_PREFIX):
            shutil.rmtree(sockets, ignore_errors=True)
        self.run_file.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Returns whether a `live` runs on this DATA_DIR, or a server that one has started and left."""
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
    """Replaces a file in one step; no other account may read it."""
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
