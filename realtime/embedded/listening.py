"""The listening sockets of the edges, and a 503 on the first of them until an edge is up.

The port is bound here, before anything is started, so that a taken port is known at once. Each edge
gets a socket of its own on the same port (`--fd`), so that the kernel spreads the connections evenly.
`live` keeps the sockets open: an edge that is restarted finds its queue of connections intact.
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
REQUEST_TIMEOUT = 2  # seconds for the bytes of a request
BODY = b"Stop Press is starting.\n"
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nRetry-After: 1\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket that listens at the address; raises Failed where that cannot be had."""
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if port == 0:  # then asked for by number: a port that the kernel chose would go in `stop_accepting`
            with socket.create_server((address[0], 0), family=family) as chosen:
                port = chosen.getsockname()[1]
        return socket.create_server((address[0], port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failed(f"Port {port} on {host} is taken: stop what listens there, or set PORT.") from error
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise Failed(f"Cannot listen on HOST {host}, PORT {port}: {reason}.") from error


def listeners_on_port(listening: socket.socket, number: int) -> list[socket.socket]:
    """Returns `number` listening sockets on one port, this one first; only this one where the system is not Linux.

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


def stop_accepting(listening: socket.socket) -> None:
    """Takes the socket out of the kernel's choice for new connections, until listen() is called on it again."""
    with contextlib.suppress(OSError):  # it was closed already
        listening.shutdown(socket.SHUT_RD)


def address(listening: socket.socket) -> str:
    """Returns the URL at which a browser on this machine reaches the socket."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class StartingResponder:
    """Answers every request with 503 until `leave()`, on a thread of its own."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="until-ready", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Stops answering; connections from now on wait for an edge."""
        self._left.set()
        self._thread.join()

    def _answer(self) -> None:
        self._listening.settimeout(0.1)  # how late `leave()` is noticed; the edges need it non-blocking as well
        while not self._left.is_set():
            with contextlib.suppress(OSError):  # there was no connection, or the client closed it
                client, _ = self._listening.accept()
                with client:
                    client.settimeout(REQUEST_TIMEOUT)
                    client.recv(65536)
                    client.sendall(ANSWER)
