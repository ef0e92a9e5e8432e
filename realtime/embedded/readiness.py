"""Receives READY=1 from a child: sd_notify(3), the datagram that it would send to systemd."""

import shutil
import socket
import tempfile
from pathlib import Path

READY = b"READY=1"


class ReadinessSocket:
    """A datagram socket to which one child at a time sends READY=1."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="stop-press-ready-", dir="/tmp"))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._directory / "notify"))
        self._socket.setblocking(False)

    def close(self) -> None:
        """Closes the socket and removes its directory."""
        self._socket.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variable that leads the child to the socket."""
        return {"NOTIFY_SOCKET": str(self._directory / "notify")}

    def ready_received(self) -> bool:
        """Returns whether READY=1 has come since the last call."""
        ready = False
        try:
            while True:
                ready |= READY in self._socket.recv(4096).split(b"\n")
        except BlockingIOError:
            return ready
