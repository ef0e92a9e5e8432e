"""A wire between an edge and Redis on which bells can be lost without a word."""

import contextlib
import socket
import threading
from pathlib import Path


class BellWire:
    """Passes connections to a unix socket on, until it is deaf: then what Redis says is thrown away."""

    def __init__(self, path: Path, to: Path) -> None:
        self.path = path
        self._to = to
        self._deaf = False
        self._ends: set[socket.socket] = set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(128)

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def deafen(self) -> None:
        """Nothing that Redis says arrives any more, and nobody is told."""
        self._deaf = True

    def hear(self) -> None:
        """Ends that: the connections, which lost something, are cut."""
        self._deaf = False
        self.cut()

    def cut(self) -> None:
        for end in list(self._ends):
            _close(end)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(str(self._to))
            except OSError:  # Redis is away
                _close(near)
                far.close()
                continue
            self._ends |= {near, far}
            for one, other, redis in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass, args=(one, other, redis), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, redis: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if not (redis and self._deaf):
                    other.sendall(data)
        for end in (one, other):
            self._ends.discard(end)
            _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
