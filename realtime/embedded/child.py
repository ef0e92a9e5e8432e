"""A child process: its command, how it is asked to end, and its signal when the parent is killed."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import Any

from realtime.embedded.account import Account

PR_SET_PDEATHSIG = 1
# Looked up before any fork: after setuid to `nobody` the interpreter's own files may be out of reach,
# and `import ctypes` in the child would fail.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Child:
    """A process to start. The kernel sends it `orphan_signal` when the thread that started it ends (Linux)."""

    name: str
    command: tuple[str | Path, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = Path("/")
    account: Account | None = None
    log: Path | None = None
    fds: tuple[int, ...] = ()
    stop_signal: Signals = SIGTERM
    orphan_signal: Signals = SIGKILL
    stop_timeout: float = 3.5  # seconds from `stop_signal` to SIGKILL
    stop_stage: int = 0  # the lowest stage is stopped first
    on_death: Callable[[], None] = lambda: None  # called when it has died and is to be restarted
    restart: bool = True  # False: its end is not a failure
    own_session: bool = True  # otherwise Ctrl-C at the terminal reaches it too, out of order

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Starts it. From the main thread only: Linux sends `orphan_signal` when the *thread* that forked ends."""
        arguments: dict[str, Any] = self.account.popen() if self.account else {}
        log = open(self.log, "ab") if self.log else None  # noqa: SIM115 (closed below, once inherited)
        try:
            return subprocess.Popen(
                [str(word) for word in self.command],
                env=dict(self.env),
                cwd=self.cwd,
                stdin=subprocess.DEVNULL if self.own_session else None,
                stdout=log,
                stderr=log,
                pass_fds=self.fds,
                start_new_session=self.own_session,
                preexec_fn=die_with_parent(self.orphan_signal),
                **arguments,
            )
        finally:
            if log:
                log.close()


def die_with_parent(orphan_signal: Signals) -> Callable[[], None] | None:
    """Returns a preexec_fn by which a child ends with its parent, even after `kill -9` (Linux; None elsewhere)."""
    if _PRCTL is None:
        return None
    parent = os.getpid()

    def prepare() -> None:
        follow_parent(orphan_signal)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)

    return prepare


def follow_parent(orphan_signal: int = SIGKILL, **_: object) -> None:
    """Makes this process, just forked, end with its parent. Also a receiver of Celery's worker_process_init."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, int(orphan_signal))
