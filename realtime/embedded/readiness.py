"""Hears when a child says that it is ready: sd_notify(3), the words that it would tell systemd."""

import shutil
import socket
import tempfile
from pathlib import Path

READY = b"READY=1"


class Readiness:
    """A place to which one child at a time says that it is ready."""

    def __init__(self) -> None:
        self._place = Path(tempfile.mkdtemp(prefix="stop-press-ready-", dir="/tmp"))
        self._ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._ear.bind(str(self._place / "notify"))
        self._ear.setblocking(False)

    def close(self) -> None:
        self._ear.close()
        shutil.rmtree(self._place, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """For the child."""
        return {"NOTIFY_SOCKET": str(self._place / "notify")}

    def heard(self) -> bool:
        """Whether a child has said that it is ready since this was asked last."""
        ready = False
        try:
            while True:
                ready |= READY in self._ear.recv(4096).split(b"\n")
        except BlockingIOError:
            return ready
