"""Publishes to the others: `python -m bench.systems.message_publisher` with `http PORT PATH` or
`layer core|pubsub REDIS-URL GROUP`.

Told a line "FIRST COUNT GAP" it publishes the events FIRST, FIRST + 1, ..., one every GAP seconds, or as fast as
the server takes them, and answers with the seconds that took.
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Awaitable, Callable

SIZE = 300  # bytes of an event, about


def event(number: int) -> dict[str, object]:
    """What each system carries. The mark is what the load generator counts and times by."""
    mark = f"~{number}~{time.monotonic_ns()}~"
    return {"type": "event", "mark": mark, "text": "tide " * ((SIZE - len(mark) - 40) // 5)}


class Http:
    """One connection that stays; the next request goes when the last is answered."""

    def __init__(self, port: str, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path, self._port = path, port

    async def publish(self, number: int) -> None:
        body = json.dumps(event(number), separators=(",", ":")).encode()
        head = f"POST {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        self._socket.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        answer = b""
        while not self._whole(answer):
            came = self._socket.recv(65536)
            if not came:
                raise SystemExit("The server closed the publisher's connection.")
            answer += came
        if not answer.startswith(b"HTTP/1.1 2"):
            raise SystemExit(f"The server refused an event: {answer[:200]!r}")

    @staticmethod
    def _whole(answer: bytes) -> bool:
        head, end, body = answer.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(body) >= int(line.split(b":")[1])
        return bool(end) and (b"chunked" not in head.lower() or body.endswith(b"0\r\n\r\n"))


class Layer:
    """As a Django view does: group_send on the channel layer."""

    def __init__(self, kind: str, url: str, group: str) -> None:
        if kind == "core":
            from channels_redis.core import RedisChannelLayer as Backend
        else:
            from channels_redis.pubsub import RedisPubSubChannelLayer as Backend
        self._layer, self._group = Backend(hosts=[url]), group

    async def publish(self, number: int) -> None:
        await self._layer.group_send(self._group, {"type": "chat.message", "message": event(number)})


async def obey(publish: Callable[[int], Awaitable[None]]) -> None:
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
    asyncio.run(obey((Http if way == "http" else Layer)(*words).publish))


if __name__ == "__main__":
    main()
