"""One process to start: its command, how it is asked to end, and what it gets when its parent is killed."""

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
# Looked up before any fork: after setuid to nobody the interpreter's own files may be out of reach,
# and `import ctypes` in the child would fail.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Child:
    """What to start. `orphan` is the signal it gets by itself when we die without a word (Linux)."""

    name: str
    command: tuple[str | Path, ...]
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path = Path("/")
    account: Account | None = None
    log: Path | None = None
    fds: tuple[int, ...] = ()
    stop: Signals = SIGTERM
    orphan: Signals = SIGKILL
    patience: float = 3.5  # seconds to end in, once asked; then SIGKILL
    stage: int = 0  # when it stops: the lowest first
    fell: Callable[[], None] = lambda: None  # called when it died and is to be started again
    keep: bool = True  # False: it has an end of its own
    own_session: bool = True  # else a Ctrl-C at the terminal reaches it as well, out of order

    def spawn(self) -> "subprocess.Popen[bytes]":
        """Start it. From the main thread only: Linux sends `orphan` when the *thread* that forked ends."""
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
                preexec_fn=die_with_parent(self.orphan),
                **arguments,
            )
        finally:
            if log:
                log.close()


def die_with_parent(orphan: Signals) -> Callable[[], None] | None:
    """A preexec_fn that leaves no orphan, even after `kill -9` of the parent (Linux; elsewhere None)."""
    if _PRCTL is None:
        return None
    parent = os.getpid()

    def prepare() -> None:
        follow_parent(orphan)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return prepare


def follow_parent(orphan: int = SIGKILL, **_: object) -> None:
    """In a process that was forked: die with the one that forked it. Also a receiver of Celery's pool processes."""
    if _PRCTL is not None:
        _PRCTL(PR_SET_PDEATHSIG, int(orphan))
