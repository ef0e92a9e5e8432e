"""Readers that stall or read slowly, in a process of their own; reports what the edge keeps for each, and whom it cuts.

    python tests/faults/readers/slow_readers.py PORT --stalled 50 --trickling 50 --report FILE

One more reader, the witness, reads everything: its bytes are what was written to each. What the edge buffers for a
reader is that, less what the reader took and what is in the kernel's two queues. The report is an empty list when all
have connected, and complete `--after` seconds after the first event.
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

RECEIVE_BUFFER_BYTES = 16_384  # which the kernel takes although the reader does not read
CHUNK_BYTES, CHUNK_SECONDS = 4096, 0.25  # of a trickling reader: 16 KiB a second
MAX_READ_BYTES = 1 << 20
POLL_SECONDS = 0.02
FOREVER_SECONDS = 1e9  # the process is killed before
SUBSCRIBE = json.dumps({"type": "subscribe", "topics": ["site", "front"]}).encode()


@dataclass
class SlowReaderReport:
    """What became of one slow reader; sizes are in bytes."""

    kind: str
    cut_after: float | None  # seconds after the first event
    took: int = 0
    kernels: int = 0  # the most that waited in the kernel's queues
    edge: int = 0  # the most that waited in the edge


class SlowReader:
    """A subscribed connection that reads only when told, and counts the bytes that it reads."""

    def __init__(self, kind: str, port: int, buffer: int = RECEIVE_BUFFER_BYTES) -> None:
        self.report = SlowReaderReport(kind, None)
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
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
        self._read_until(b'"welcome"')
        self.socket.sendall(b"\x81" + bytes((0x80 | len(SUBSCRIBE),)) + bytes(4) + SUBSCRIBE)
        self._read_until(b'"subscribed"')

    def _read_until(self, word: bytes) -> None:
        answer = b""
        while word not in answer:
            more = self.socket.recv(4096)
            assert more, answer
            answer += more

    @property
    def is_cut(self) -> bool:
        return self.report.cut_after is not None

    def read(self, max_bytes: int) -> int:
        """Reads at most this many bytes; returns how many there were."""
        try:
            data = self.socket.recv(max_bytes)
        except OSError:  # nothing to read, or the connection ended, which the poll reports
            return 0
        self.report.took += len(data)
        return len(data)


def queues(port: int) -> dict[int, int]:
    """Returns the bytes between the edge at `port` and each reader, by reader's port: the kernel's two queues."""
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


class SlowReaders:
    """Drives the slow readers and the witness, and reports on them."""

    def __init__(self, port: int, stalled: int, trickling: int) -> None:
        self._port = port
        self._witness = SlowReader("reads", port, 0)
        self._readers = [SlowReader("stalled", port) for _ in range(stalled)]
        self._readers += [SlowReader("trickling", port) for _ in range(trickling)]
        self._poll = select.epoll()
        self._poll.register(self._witness.socket, select.EPOLLIN)
        self._by_descriptor = {each.socket.fileno(): each for each in self._readers}
        for each in self._readers:
            self._poll.register(each.socket, 0)  # an end of the connection is reported in any case
        self._began = 0.0

    def wait_for_first_event(self) -> None:
        while not self._witness.report.took:
            self._step()
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Lets the trickling readers read, and measures the queues, for this long."""
        until = next_chunk = time.monotonic()
        while time.monotonic() < until + seconds:
            self._step()
            if time.monotonic() >= next_chunk:
                next_chunk += CHUNK_SECONDS
                self._measure()
                for each in self._connected():
                    if each.report.kind == "trickling":
                        each.read(CHUNK_BYTES)

    def _connected(self) -> list[SlowReader]:
        return [each for each in self._readers if not each.is_cut]

    def _step(self) -> None:
        for descriptor, _ in self._poll.poll(POLL_SECONDS):
            if descriptor == self._witness.socket.fileno():
                self._witness.read(MAX_READ_BYTES)
                continue
            reader = self._by_descriptor[descriptor]
            reader.report.cut_after = round(time.monotonic() - self._began, 2) if self._began else 0.0
            self._poll.unregister(descriptor)

    def _measure(self) -> None:
        while self._witness.read(MAX_READ_BYTES):
            pass
        waiting = queues(self._port)
        for each in self._connected():
            if each.port not in waiting:  # cut, which the poll has not reported yet
                continue
            queued, report = waiting[each.port], each.report
            report.kernels = max(report.kernels, queued)
            report.edge = max(report.edge, self._witness.report.took - report.took - queued)

    def report(self) -> list[dict[str, object]]:
        return [asdict(each.report) for each in self._readers]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--stalled", type=int, default=50)
    parser.add_argument("--trickling", type=int, default=50)
    parser.add_argument("--after", type=float, default=10.0, help="seconds from the first event to the report")
    parser.add_argument("--report", type=Path, required=True)
    options = parser.parse_args()
    readers = SlowReaders(options.port, options.stalled, options.trickling)
    _write(options.report, [])
    readers.wait_for_first_event()
    readers.run(options.after)
    _write(options.report, readers.report())
    readers.run(FOREVER_SECONDS)


def _write(file: Path, value: object) -> None:
    new = file.with_suffix(".new")
    new.write_text(json.dumps(value))
    new.rename(file)


if __name__ == "__main__":
    main()
