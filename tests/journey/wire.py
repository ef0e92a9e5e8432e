"""A wire between a browser and a server: it can be cut, and be as bad as what stands between people and a site."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@dataclass(eq=False)
class _Link:
    """One connection: the browser's end and the server's."""

    near: socket.socket
    far: socket.socket
    asks: bytes = b""  # the head of its last request
    lost: bool = False

    def close(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Wire:
    """Passes TCP connections on to a port, in the manner that its attributes say at that moment."""

    def __init__(
        self,
        port: int,
        upgrades: Literal["pass", "refuse", "swallow"] = "pass",
        buffers: bool = False,
        cuts_after: float | None = None,
        delay: float = 0,
    ) -> None:
        self.upgrades = upgrades  # what becomes of a WebSocket's handshake
        self.buffers = buffers  # keeps a stream back until it ends, as some proxies and virus scanners do
        self.cuts_after = cuts_after  # seconds that a live connection may last; no proxy cuts a page short
        self.delay = delay  # seconds for each piece, each way
        self._to = port
        self._links: set[_Link] = set()
        self._up = True
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.origin = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        # an accept() that waits is not woken by close()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def cut(self) -> None:
        """Neither old nor new connections come through."""
        self._up = False
        for link in list(self._links):
            link.close()

    def mend(self) -> None:
        self._up = True

    def leads_to(self, port: int) -> None:
        """New connections go to another server."""
        self._to = port

    def drop(self) -> None:
        """What lives ends, and both ends are told; new connections come through."""
        for link in list(self._links):
            link.close()

    def lose(self) -> None:
        """What lives goes nowhere from here on, and nobody is told: a laptop's lid, a router's restart.

        Idle connections, which a browser would use again for the next page, are closed.
        """
        for link in list(self._links):
            link.lost = link.asks.startswith(b"GET /live/")
            if not link.lost:
                link.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self._up:
                near.close()
                continue
            link = _Link(near, socket.create_connection(("127.0.0.1", self._to)))
            self._links.add(link)
            for way in (self._there, self._back):
                threading.Thread(target=self._run, args=(way, link), daemon=True).start()

    def _cut_later(self, link: _Link, seconds: float) -> None:
        timer = threading.Timer(seconds, link.close)
        timer.daemon = True
        timer.start()

    def _run(self, way: Callable[[_Link], None], link: _Link) -> None:
        with contextlib.suppress(OSError):
            way(link)
        self._links.discard(link)
        link.close()

    def _there(self, link: _Link) -> None:
        while data := link.near.recv(65536):
            if data.startswith((b"GET ", b"POST ")):
                link.asks = data[:80]
                if self.cuts_after is not None and link.asks.startswith(b"GET /live/"):
                    self._cut_later(link, self.cuts_after)
            if data.startswith(b"GET /live/socket") and self.upgrades != "pass":
                if self.upgrades == "refuse":
                    link.near.sendall(REFUSED)
            elif not link.lost:
                time.sleep(self.delay)
                link.far.sendall(data)

    def _back(self, link: _Link) -> None:
        kept = b""
        while data := link.far.recv(65536):
            kept += data
            if not (link.lost or (self.buffers and link.asks.startswith(b"GET /live/stream"))):
                time.sleep(self.delay)
                link.near.sendall(kept)
                kept = b""
        link.near.sendall(kept)
