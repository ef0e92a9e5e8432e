"""A proxy between an edge and Redis that can drop bells silently."""

import contextlib
import socket
import threading
from pathlib import Path


class BellProxy:
    """Forwards connections to a unix socket; while it drops, it discards what Redis sends."""

    def __init__(self, path: Path, to: Path) -> None:
        self.path = path
        self._to = to
        self._drops = False
        self._ends: set[socket.socket] = set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(128)

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def drop(self) -> None:
        """Discards from now on what Redis sends, without closing connections."""
        self._drops = True

    def forward(self) -> None:
        """Forwards again, and cuts the connections, which have lost bells."""
        self._drops = False
        self.cut()

    def cut(self) -> None:
        """Closes all connections."""
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
            except OSError:  # Redis is down
                _close(near)
                far.close()
                continue
            self._ends |= {near, far}
            for source, target, is_redis in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._forward, args=(source, target, is_redis), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, is_redis: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (is_redis and self._drops):
                    target.sendall(data)
        for end in (source, target):
            self._ends.discard(end)
            _close(end)


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
