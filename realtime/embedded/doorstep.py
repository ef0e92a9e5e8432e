"""The door before anybody is in: the listening socket, and a 503 on it until the first edge is up.

The socket is bound once, here, and handed to every edge (`--fd`): a taken port is known before
anything is started, and an edge that is started again finds its queue of connections intact.
"""

import contextlib
import errno
import os
import socket
import threading
from typing import Self

from realtime.embedded.supervisor import Failed

BACKLOG = 2048  # connections that wait to be accepted: after a restart all readers come at once
SECONDS = 2  # for a caller to say what it wants
BODY = b"Stop Press is starting.\n"
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; Failed, in one sentence, when the address cannot be had."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(f"Port {port} on {host} is taken: stop what listens there, or set PORT.") from error
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise Failed(f"Cannot listen on HOST {host}, PORT {port}: {reason}.") from error


def address(listening: socket.socket) -> str:
    """The URL at which a person on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Doorstep:
    """Answers every caller with 503 until `leave()`."""

    def __init__(self, listening: socket.socket) -> None:
        self._door = listening
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="doorstep", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop answering; callers from now on wait for an edge."""
        self._left.set()
        self._thread.join()

    def _answer(self) -> None:
        self._door.settimeout(0.1)  # how late `leave()` is noticed; the edges want it non-blocking as well
        while not self._left.is_set():
            with contextlib.suppress(OSError):  # nobody came, or the caller went
                caller, _ = self._door.accept()
                with caller:
                    caller.settimeout(SECONDS)
                    caller.recv(65536)
                    caller.sendall(ANSWER)
