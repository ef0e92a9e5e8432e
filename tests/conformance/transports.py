"""The three ways to follow topics, each as a client written from docs/protocol.md, behind one face."""

import contextlib
import json
import queue
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

from websockets.sync.client import connect

from tests.conformance.site import SOON, Site

Frame = dict[str, Any]


class Refused(Exception):
    """The deployment did not let us follow: a code, and the HTTP status where there is one."""

    def __init__(self, code: str, status: int | None = None) -> None:
        super().__init__(f"{code} ({status})" if status else code)
        self.code = code
        self.status = status


class Following(Protocol):
    """What was opened: where it stands, and what comes."""

    position: str  # of the opening: where the reader stood then
    missed: int | None  # how many events were announced as missed; None where the transport does not say
    cursor: str  # what to resume from

    def hear(self, seconds: float = SOON) -> Frame:
        """The next event or reset. Raises TimeoutError."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Question:
    """What is to be followed, from where, by whom, and how."""

    site: Site
    topics: list[str]
    since: str | None
    ticket: str | None
    session: bool
    options: dict[str, str]


class Transport:
    """One of the ways; opened with the same question as the others."""

    def __init__(
        self,
        site: Site,
        topics: list[str],
        since: str | None = None,
        *,
        ticket: str | None = None,
        session: bool = False,
        **options: str,
    ) -> None:
        self._open(Question(site, topics, since, ticket, session, options))

    def _open(self, asked: Question) -> None:
        """Raises Refused."""
        raise NotImplementedError


class Socket(Transport):
    """`/live/socket`. It has no `compact`, and knows nothing of cookies."""

    name: ClassVar[str] = "socket"

    def _open(self, asked: Question) -> None:
        url = f"{'wss' if asked.site.secure else 'ws'}://{asked.site.host}/live/socket"
        self._socket = connect(url, max_size=None, max_queue=None, open_timeout=SOON)
        welcome = self._frame()
        assert welcome["type"] == "welcome", welcome
        if asked.ticket or asked.options:
            self._ask(type="hello", ticket=asked.ticket, **asked.options)
        answer = self._ask(type="subscribe", topics=asked.topics, since=asked.since)
        if answer["refused"]:
            self.close()
            raise Refused(answer["refused"][0]["code"])
        self.position = self.cursor = answer["position"]
        self.missed = answer["missed"] if answer["recovered"] else None

    def hear(self, seconds: float = SOON) -> Frame:
        end = time.monotonic() + seconds
        while (frame := self._frame(end - time.monotonic()))["type"] == "heartbeat":
            self.cursor = frame["position"]
        self.cursor = frame["position"]
        return frame

    def close(self) -> None:
        self._socket.close()

    def _ask(self, **members: Any) -> Frame:
        self._socket.send(json.dumps(members))
        answer = self._frame()
        if answer["type"] == "error":
            self.close()
            raise Refused(answer["code"])
        return answer

    def _frame(self, seconds: float = SOON) -> Frame:
        return dict(json.loads(self._socket.recv(timeout=max(0.0, seconds))))


class Stream(Transport):
    """`/live/stream`. A thread reads the blocks, so that waiting for one may end."""

    name: ClassVar[str] = "stream"
    missed = None

    def _open(self, asked: Question) -> None:
        self._connection, self.answer = ask(
            asked.site, "/live/stream", asked.topics, asked.since, asked.ticket, asked.session, asked.options
        )
        if self.answer.status != 200:
            raise refusal(self._connection, self.answer)
        self._blocks: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        opening = self.block()
        assert set(opening) == {"id"}, opening
        self.position = self.cursor = opening["id"]

    def hear(self, seconds: float = SOON) -> Frame:
        end = time.monotonic() + seconds
        while "data" not in (block := self.block(end - time.monotonic())):
            self.cursor = block["id"]
        frame: Frame = json.loads(block["data"])
        self.cursor = block["id"]
        assert block["id"] == frame["position"], block
        assert block["event"] == frame.get("kind", "reset"), block
        return frame

    def block(self, seconds: float = SOON) -> Frame:
        """The next block: its fields by name."""
        try:
            block = self._blocks.get(timeout=max(0.0, seconds))
        except queue.Empty:
            raise TimeoutError("no block came") from None
        if block is None:
            raise EOFError("the stream ended")
        return block

    def close(self) -> None:
        if self._connection.sock is not None:  # the thread may be reading: a close would wait for it
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _read(self) -> None:
        block: Frame = {}
        try:
            while line := self.answer.readline().decode():
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    block[name] = value
                else:
                    self._blocks.put(block)
                    block = {}
        except (OSError, ValueError, AttributeError):  # closed by us
            pass
        self._blocks.put(None)


class Log(Transport):
    """`/live/log`, asked again and again from where the last answer ended."""

    name: ClassVar[str] = "log"

    def _open(self, asked: Question) -> None:
        self._asked = asked
        self._frames: deque[Frame] = deque()
        answer = self._ask(asked.since)
        self.position = self.cursor = asked.since or answer["position"]
        self.missed = answer["missed"] if answer["recovered"] else None

    def hear(self, seconds: float = SOON) -> Frame:
        end = time.monotonic() + seconds
        while not self._frames:
            if time.monotonic() > end:
                raise TimeoutError("nothing in the log")
            self._ask(self.cursor, wait=f"{min(25.0, max(0.0, end - time.monotonic())):.2f}")
        frame = self._frames.popleft()
        self.cursor = frame["position"] if self._frames else self._end
        return frame

    def close(self) -> None:
        pass

    def _ask(self, since: str | None, **options: str) -> Frame:
        asked = self._asked
        answer = page(asked.site, asked.topics, since, asked.ticket, asked.session, **asked.options, **options)
        self._end = answer["position"]
        if answer["recovered"]:
            self._frames.extend(answer["events"])
        else:
            lost = {name: answer[name] for name in ("position", "missed", "reason")}
            self._frames.append({"type": "reset", "topics": asked.topics, **lost})
        if not self._frames:
            self.cursor = self._end
        return answer


def page(
    site: Site,
    topics: list[str],
    since: str | None = None,
    ticket: str | None = None,
    session: bool = False,
    **options: str,
) -> Frame:
    """One answer of the log."""
    connection, answer = ask(site, "/live/log", topics, since, ticket, session, options)
    if answer.status != 200:
        raise refusal(connection, answer)
    found: Frame = json.loads(answer.read())
    connection.close()
    return found


def ask(
    site: Site,
    path: str,
    topics: list[str],
    since: str | None,
    ticket: str | None,
    session: bool,
    options: dict[str, str],
    method: str = "GET",
    **headers: str,
) -> tuple[HTTPConnection, HTTPResponse]:
    """Sends the request; the connection and the answer, of which nothing is read yet."""
    fields = [("topic", topic) for topic in topics] + list(options.items())
    if since is not None:
        fields.append(("since", since))
    if ticket is not None:
        headers["Authorization"] = f"Bearer {ticket}"
    if session:
        headers["Cookie"] = site.cookies
    connection = (HTTPSConnection if site.secure else HTTPConnection)(site.host, timeout=60)
    connection.request(method, f"{path}?{urlencode(fields)}", headers=headers)
    return connection, connection.getresponse()


def refusal(connection: HTTPConnection, answer: HTTPResponse) -> Refused:
    body = json.loads(answer.read())
    connection.close()
    assert set(body) == {"code", "detail"}, body
    assert body["detail"], "a sentence for people"
    return Refused(body["code"], answer.status)


TRANSPORTS: tuple[Any, ...] = (Socket, Stream, Log)
