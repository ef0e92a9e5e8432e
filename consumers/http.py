"""Requests that the hub answers: what `/live/stream` and `/live/log` have in common.

Who asks, for which topics, and why not. An answer may take long: each is a task that ends when its
client hangs up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import msgspec
from channels.generic.http import AsyncHttpConsumer
from django.conf import settings

from consumers.access import addresses, authentication, origins
from consumers.access.connection_quota import ConnectionSlot
from consumers.access.rate_limits import address_buckets
from consumers.delivery.hub import READY_TIMEOUT, hub
from consumers.delivery.writer import StreamWriter
from consumers.metrics import counters
from consumers.presence.request import RequestPresence
from consumers.presence.topic import PresenceListener
from consumers.wire import queries
from consumers.wire.queries import StreamQuery
from realtime import topics
from realtime.errors import BadPosition, BadTicket, LogAway
from realtime.position import Position
from realtime.tickets import ANONYMOUS, Reader

Q = TypeVar("Q", bound=StreamQuery)
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

METHODS = "GET, HEAD, OPTIONS"
ALWAYS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
JSON_TYPE = "application/json; charset=utf-8"
PREFLIGHT = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "Authorization, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}
MAX_BYTES_PER_WRITE = 64 * 1024  # bytes of an answer that are sent before the client has to have taken most of them
STATUS = {"forbidden": 403, "unknown": 404}


class Refusal(Exception):
    """Why a request gets no answer: a status and a code for machines, a sentence for people."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> bytes:
        return msgspec.json.encode({"code": self.code, "detail": str(self)})


class LiveRequest(AsyncHttpConsumer):  # type: ignore[misc]
    """One request. Subclasses say what they ask for (`shape`) and answer it."""

    shape: ClassVar[type[StreamQuery]]

    topics: list[str]

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Channels' own loop would hear of a client that hangs up when the answer is finished."""
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.reader = ANONYMOUS
        self.over = asyncio.Event()  # who asked may not hear any more of it
        self._theirs: set[str] = set()  # topics that the log, not the ticket, says are this reader's
        self._slot = ConnectionSlot()
        self._presence: RequestPresence | None = None
        answering = asyncio.ensure_future(self._respond())
        listening = asyncio.ensure_future(_hung_up(receive))
        try:
            await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            if not answering.done():
                answering.cancel()
            await asyncio.gather(listening, answering, return_exceptions=True)
            hub.revocations.leave(self)
            self._slot.release()
            if self._presence is not None:
                self._presence.end()
        if not answering.cancelled():
            answering.result()

    async def answer(self, asked: Any, since: Position | None) -> None:
        """Sends the answer. The topics may be followed, and the hub knows its log."""
        raise NotImplementedError

    async def head(self) -> None:
        """Sends what a GET would begin with."""
        raise NotImplementedError

    # --- before the answer

    async def _respond(self) -> None:
        try:
            self._come()
            match self.scope["method"]:
                case "OPTIONS":
                    await self.reply(204, b"", {"Allow": METHODS, **PREFLIGHT})
                case "GET" | "HEAD":
                    await self._ask()
                case _:
                    raise Refusal(405, "bad-method", "The live log can be read, nothing else.", Allow=METHODS)
        except Refusal as refused:
            counters.turned_away[refused.code] += 1
            await self.reply(refused.status, refused.body, {"Content-Type": JSON_TYPE, **refused.headers})

    def _come(self) -> None:
        self._address = addresses.subject(addresses.client(self.scope))
        if not address_buckets.allows(self._address, settings.LIVE_MAX_REQUESTS):
            raise too_fast()

    async def _ask(self) -> None:
        try:
            asked = queries.decode(self.scope["query_string"], self.shape)
            since = self._since(asked)
            async with asyncio.timeout(READY_TIMEOUT):
                await hub.ready()
            await self._admit(asked)
        except queries.BadQuery as error:
            raise Refusal(400, "bad-parameter", str(error)) from error
        except BadPosition as error:
            raise Refusal(400, error.code, str(error)) from error
        except BadTicket as error:
            raise Refusal(401, error.code, str(error), WWW_Authenticate='Bearer error="invalid_token"') from error
        except (TimeoutError, LogAway) as error:
            raise away() from error
        await (self.head() if self.scope["method"] == "HEAD" else self.answer(asked, since))

    def _since(self, asked: StreamQuery) -> Position | None:
        """A browser that resumes says so in a header, and still asks with its first query."""
        since = self.headers.get(b"last-event-id", b"").decode("latin-1") or asked.since
        return None if since is None else Position.parse(since)

    async def _admit(self, asked: StreamQuery) -> None:
        """Finds out who asks, if it matters: what everyone may follow costs no query."""
        names = list(dict.fromkeys(asked.topic))
        await self._take_slot("address", self._address, settings.LIVE_MAX_PER_ADDRESS)
        reader = authentication.by_ticket(self.headers) or ANONYMOUS
        matters = asked.here or any(topics.check(ANONYMOUS, name) == "forbidden" for name in names)
        if reader is ANONYMOUS and matters:
            reader = await authentication.by_session(self.headers)
        if reader.id is not None:
            await self._take_slot("user", reader.id, settings.LIVE_MAX_PER_USER)
        self._theirs = await hub.revocations.personal(reader, names, hub.addressed)
        hub.revocations.admit(reader)
        self.reader = reader
        self.judge(names)
        self.topics = list(dict.fromkeys(map(topics.normal, names)))
        if len(self.topics) > settings.LIVE_MAX_TOPICS:
            raise Refusal(400, "limit", f"A request may name {settings.LIVE_MAX_TOPICS} topics.")
        self._check_here(asked.here)
        hub.revocations.enter(self)

    def _check_here(self, names: list[str]) -> None:
        if any(topics.check(self.reader, name) or topics.normal(name) not in self.topics for name in names):
            raise Refusal(400, "bad-topic", "A request can be present only on topics that it follows.")

    def judge(self, names: Iterable[str]) -> None:
        """Raises Refusal for a topic that the reader may not follow. A ticket ends, whatever it is asked for."""
        if self.reader.expires is not None and self.reader.expires <= datetime.now(UTC):
            self.reader = ANONYMOUS
        for name in names:
            if reason := self.refusal(name):
                counters.refused[reason] += 1
                raise Refusal(STATUS[reason], reason, f"{name[: topics.LONGEST]!a} cannot be followed: {reason}.")

    def refusal(self, topic: str) -> str | None:
        """Why the reader may not follow the topic, or None."""
        reason = topics.check(self.reader, topic)
        return None if reason == "forbidden" and topic in self._theirs else reason

    async def _take_slot(self, kind: str, who: object, limit: int) -> None:
        if not await self._slot.take(kind, who, limit):
            raise Refusal(429, "too-many", "There is no room for this connection now; try later.", Retry_After="5")

    # --- who is present

    def attend(self, told: PresenceListener, names: Sequence[str]) -> None:
        """From now until the request ends its reader is present on these topics."""
        self._presence = RequestPresence(told, names)
        self._presence.begin(self.reader)

    def becomes(self, reader: Reader) -> None:
        self.reader = reader
        if self._presence is not None:
            self._presence.becomes(reader)

    # --- what the hub says of who is reading

    def access_changed(self, reader: Reader) -> None:
        self.becomes(reader)
        if any(map(self.refusal, self.topics)):
            self.access_lost()

    def access_ended(self) -> None:
        """This is nobody any more."""
        self.becomes(ANONYMOUS)
        self._theirs.clear()
        self.access_lost()

    def access_lost(self) -> None:
        """What is under way has to end, or to be judged again. Before there is an answer, `over` says so."""
        self.over.set()

    # --- sending

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        sent = {**ALWAYS, **self._cross_origin(), **headers}
        await self.send_headers(status=status, headers=[(k.encode(), v.encode()) for k, v in sent.items()])

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends the answer at the pace of who asked, whose seat is taken for so long (patience.py cuts)."""
        length = {} if status == 204 else {"Content-Length": str(len(body))}
        await self.begin(status, {**length, **headers})
        body = b"" if self.scope["method"] == "HEAD" else body
        if len(body) > MAX_BYTES_PER_WRITE and (writer := self.direct()):
            for first in range(0, len(body), MAX_BYTES_PER_WRITE):
                await self.send_body(body[first : first + MAX_BYTES_PER_WRITE], more_body=True)
                await writer.drain()
            writer.release()
            body = b""
        await self.send_body(body)

    def direct(self) -> StreamWriter | None:
        """The server's own way to the connection; None on a server that has none, or where the client is gone."""
        writer: Callable[..., StreamWriter | None] | None = self.scope.get("extensions", {}).get("stop_press.stream")
        return writer(self.over.set) if writer else None

    def _cross_origin(self) -> dict[str, str]:
        """Pages of the origins that the operator listed may read the answer; as nobody, or with a ticket."""
        origin = self.headers.get(b"origin", b"").decode("latin-1")
        if not origins.listed(origin):
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


def too_fast() -> Refusal:
    """This address has asked too often. A second later it may again."""
    return Refusal(429, "too-fast", "Too many requests from this address; come back more slowly.", Retry_After="1")


def away() -> Refusal:
    """The log cannot be read now."""
    return Refusal(503, "log-away", "The log cannot be read at the moment; try again.", Retry_After="2")


async def _hung_up(receive: Receive) -> None:
    """Returns when the client is gone. What it sent as a body is of no use here."""
    while (await receive())["type"] != "http.disconnect":
        pass
