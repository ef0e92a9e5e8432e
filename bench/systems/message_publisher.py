"""Publishes messages to the other systems, over HTTP or through a Channels layer.

    python -m bench.systems.message_publisher http PORT PATH
    python -m bench.systems.message_publisher layer core|pubsub REDIS-URL GROUP

A command "FIRST COUNT GAP" publishes the events FIRST, FIRST + 1, ..., one every GAP seconds, or as fast as the
server takes them where GAP is 0. The answer has the seconds that it took.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable

EVENT_BYTES = 300  # about; for all systems the same


def event(number: int) -> dict[str, object]:
    """Returns the event that each system carries, with the mark by which the load generator counts and times it."""
    mark = f"~{number}~{time.monotonic_ns()}~"
    return {"type": "event", "mark": mark, "text": "tide " * ((EVENT_BYTES - len(mark) - 40) // 5)}


class HttpPublisher:
    """Publishes over one persistent connection; sends a request when the previous one is answered."""

    def __init__(self, port: str, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path, self._port = path, port

    async def publish(self, number: int) -> None:
        body = json.dumps(event(number), separators=(",", ":")).encode()
        head = f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        self._socket.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = b""
        while not self._is_complete(answer):
            chunk = self._socket.recv(65536)
            if not chunk:
                raise SystemExit("The server closed the publisher's connection.")
            answer += chunk
        if not answer.startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"The server refused an event: {answer[:200]!r}")

    @staticmethod
    def _is_complete(answer: bytes) -> bool:
        head, end, body = answer.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line.split(b":")[1])
        return bool(end) and (b"chunked" not in head.lower() or body.endswith(b"0\r\n\r\n"))


class LayerPublisher:
    """Publishes as a Django view does: by group_send on the channel layer."""

    def __init__(self, kind: str, url: str, group: str) -> None:
        if kind == "core":
            from channels_redis.core import RedisChannelLayer as Backend
        else:
            from channels_redis.pubsub import RedisPubSubChannelLayer as Backend
        self._layer, self._group = Backend(hosts=[url]), group

    async def publish(self, number: int) -> None:
        await self._layer.group_send(self._group, {"type": "chat.message", "message": event(number)})


async def serve(publish: Callable[[int], Awaitable[None]]) -> None:
    """Carries out the commands on standard input until it ends."""
    for line in iter(sys.stdin.readline, ""):
        words = line.split()
        first, count, gap = int(words[0]), int(words[1]), float(words[2])
        began = time.monotonic()
        for done in range(count):
            await asyncio.sleep(max(0.0, began + done * gap - time.monotonic())) if gap else None
            await publish(first + done)
        print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


def main() -> None:
    way, *words = sys.argv[1:]
    asyncio.run(serve((HttpPublisher if way == "http" else LayerPublisher)(*words).publish))


if __name__ == "__main__":
    main()
