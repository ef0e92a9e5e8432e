"""Readers who do not read, or hardly, in a process of their own: what the edge keeps for each, and whom it lets go.

    python tests/faults/readers/slow_readers.py PORT --stalled 50 --trickling 50 --report FILE

One more reads everything, so that it is known what was written to each. What the edge holds back for
a reader is that, less what the reader took and what stands in the two kernels' queues. The report is an
empty list when all have come, and whole `--after` seconds after the first event.
"""

import argparse
import base64
import json
import os
import select
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

WINDOW_BITS = 16_384  # bytes that the kernel of a bad reader takes without being asked
SIP, PAUSE = 4096, 0.25  # bytes, and seconds between two of them: 16 KiB a second
SAID = json.dumps({"type": "subscribe", "topics": ["site", "front"]}).encode()


@dataclass
class Reader:
    """One bad reader. `took`: bytes; `kernels`, `edge`: the most that waited in each while it was connected."""

    kind: str
    cut_after: float | None
    took: int = 0
    kernels: int = 0
    edge: int = 0


class Sipping:
    """A subscribed connection that counts what it takes from then on."""

    def __init__(self, kind: str, port: int, window: int = WINDOW_BITS) -> None:
        self.found = Reader(kind, None)
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self._subscribe(port)
        self.socket.setblocking(False)

    def _subscribe(self, port: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET /live/socket HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        self._hear(b'"welcome"')
        self.socket.sendall(b"\x81" + bytes((0x80 | len(SAID),)) + bytes(4) + SAID)
        self._hear(b'"subscribed"')

    def _hear(self, word: bytes) -> None:
        answer = b""
        while word not in answer:
            more = self.socket.recv(4096)
            assert more, answer
            answer += more

    @property
    def is_gone(self) -> bool:
        return self.found.cut_after is not None

    def sip(self, most: int) -> int:
        """Takes so many bytes at most; how many came."""
        try:
            data = self.socket.recv(most)
        except OSError:  # nothing there; or it is over, and the poll says when
            return 0
        self.found.took += len(data)
        return len(data)


def queues(port: int) -> dict[int, int]:
    """By a reader's port: bytes on their way from the edge at `port`, in either kernel's queue."""
    waiting: dict[int, int] = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queue, *_ = line.split()
        here, there = (int(end.partition(":")[2], 16) for end in (local, remote))
        unsent, unread = (int(number, 16) for number in queue.split(":"))
        if here == port:
            waiting[there] = waiting.get(there, 0) + unsent
        elif there == port:
            waiting[here] = waiting.get(here, 0) + unread
    return waiting


class AdaptivePolling:
    """Lets the bad readers be bad, and tells what became of them."""

    def __init__(self, port: int, stalled: int, trickling: int) -> None:
        self._port = port
        self._witness = Sipping("reads", port, 0)
        self._bad = [Sipping("stalled", port) for _ in range(stalled)]
        self._bad += [Sipping("trickling", port) for _ in range(trickling)]
        self._poll = select.epoll()
        self._poll.register(self._witness.socket, select.EPOLLIN)
        self._by_descriptor = {each.socket.fileno(): each for each in self._bad}
        for each in self._bad:
            self._poll.register(each.socket, 0)  # of an end it is told in any case
        self._began = 0.0

    def until_first_event(self) -> None:
        while not self._witness.found.took:
            self._turn()
        self._began = time.monotonic()

    def live(self, seconds: float) -> None:
        until = next_sip = time.monotonic()
        while time.monotonic() < until + seconds:
            self._turn()
            if time.monotonic() >= next_sip:
                next_sip += PAUSE
                self._look()
                for each in self._there():
                    if each.found.kind == "trickling":
                        each.sip(SIP)

    def _there(self) -> list[Sipping]:
        return [each for each in self._bad if not each.is_gone]

    def _turn(self) -> None:
        for descriptor, _ in self._poll.poll(0.02):
            if descriptor == self._witness.socket.fileno():
                self._witness.sip(1 << 20)
                continue
            reader = self._by_descriptor[descriptor]
            reader.found.cut_after = round(time.monotonic() - self._began, 2) if self._began else 0.0
            self._poll.unregister(descriptor)

    def _look(self) -> None:
        while self._witness.sip(1 << 20):
            pass
        waiting = queues(self._port)
        for each in self._there():
            if each.port not in waiting:  # cut, and the poll has not said so yet
                continue
            queued, found = waiting[each.port], each.found
            found.kernels = max(found.kernels, queued)
            found.edge = max(found.edge, self._witness.found.took - found.took - queued)

    def report(self) -> list[dict[str, object]]:
        return [asdict(each.found) for each in self._bad]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--stalled", type=int, default=50)
    parser.add_argument("--trickling", type=int, default=50)
    parser.add_argument("--after", type=float, default=10.0, help="seconds from the first event to the report")
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    watch = AdaptivePolling(options.port, options.stalled, options.trickling)
    _write(options.report, [])
    watch.until_first_event()
    watch.live(options.after)
    _write(options.report, watch.report())
    watch.live(1e9)  # until it is killed


def _write(file: Path, value: object) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.rename(file)


if __name__ == "__main__":
    main()
