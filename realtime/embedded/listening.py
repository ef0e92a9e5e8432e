"""The door before anybody is in: the listening socket, and a 503 on it until the first edge is up.

The socket is bound once, here: a taken port is known before anything is started. Each edge gets one
of its own on the same port (`--fd`), so that the kernel spreads the connections evenly; we keep them
open, and an edge that is started again finds its queue of connections intact.
"""

import contextlib
import errno
import os
import socket
import sys
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
        if port == 0:  # asked for by its number all the same: what the kernel chose it takes back in `close()`
            with socket.create_server((address[0], 0), family=family) as chosen:
                port = chosen.getsockname()[1]
        return socket.create_server((address[0], port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(f"Port {port} on {host} is taken: stop what listens there, or set PORT.") from error
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise Failed(f"Cannot listen on HOST {host}, PORT {port}: {reason}.") from error


def beside(listening: socket.socket, number: int) -> list[socket.socket]:
    """So many listening sockets on one port, the first of them this one; elsewhere than on Linux only this one.

    Of 600 connections at once three edges with sockets of their own got 192, 195 and 213; on one socket
    for all, 130, 204 and 266.
    """
    if number == 1 or sys.platform != "linux":
        return [listening]
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # not before: a taken port would go unnoticed
    place = listening.getsockname()[:2]
    more = [
        socket.create_server(place, family=listening.family, backlog=BACKLOG, reuse_port=True)
        for _ in range(number - 1)
    ]
    return [listening, *more]


def close(listening: socket.socket) -> None:
    """Nobody will accept here for a while: the kernel gives what comes to the others, until somebody listens again."""
    with contextlib.suppress(OSError):  # it was closed already
        listening.shutdown(socket.SHUT_RD)


def address(listening: socket.socket) -> str:
    """The URL at which a person on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class StartingResponder:
    """Answers every caller with 503 until `leave()`."""

    def __init__(self, listening: socket.socket) -> None:
        self._door = listening
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="until-ready", daemon=True)
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
