"""`LiveRequest`: what `/live/stream` and `/live/log` have in common.

It finds out who asks, for which topics, and refuses what may not be had. An answer may take long: each is a
task that ends when its client hangs up.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from channels.exceptions import StopConsumer
from channels.generic.http import AsyncHttpConsumer
from django.conf import settings

from consumers.access import addresses, authentication, origins
from consumers.access.rate_limits import address_buckets
from consumers.access.session import Session
from consumers.delivery.hub import hub
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

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

ALLOWED_METHODS = "GET, HEAD, OPTIONS"
RESPONSE_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
JSON_TYPE = "application/json; charset=utf-8"
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": ALLOWED_METHODS,
    "Access-Control-Allow-Headers": "Authorization, Last-Event-ID",
    "Access-Control-Max-Age": "86400",
}
MAX_BYTES_PER_WRITE = 64 * 1024  # of an answer, before the client has to have taken most of them
STATUS_BY_REASON = {"forbidden": 403, "unknown": 404}


class Refusal(Exception):
    """A request that gets no answer: a status and a code for machines, a sentence for people."""

    def __init__(self, status: int, code: str, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def body(self) -> bytes:
        """The JSON object of the answer."""
        return msgspec.json.encode({"code": self.code, "detail": str(self)})


class LiveRequest(AsyncHttpConsumer):  # type: ignore[misc]
    """One request. Subclasses name the type of its query (`shape`) and answer it."""

    shape: ClassVar[type[StreamQuery]]
    channel_layer_alias = ""  # of no layer: Channels would open a mailbox in Redis for each request

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serves the request by Channels' own dispatch, or without it on a server that offers `stop_press.stream`."""
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.session = Session(self, hub)
        self.topics: list[str] = []
        self.over = asyncio.Event()  # set when the reader may hear no more of the answer
        self._presence: RequestPresence | None = None
        self._receive = receive
        try:
            if "stop_press.stream" in (scope.get("extensions") or {}):
                self.scope, self.base_send, self.channel_layer = scope, send, None
                await self.handle(b"")
            else:
                await super().__call__(scope, receive, send)
        finally:
            self.session.release()
            if self._presence is not None:
                self._presence.end()

    async def http_request(self, message: dict[str, Any]) -> None:
        """Answers at the first message. Channels' would keep the whole body first, which nothing here reads."""
        await self.handle(b"")
        raise StopConsumer

    async def handle(self, body: bytes) -> None:
        """Answers the request, or ends with its client: Channels would hear of that after the answer."""
        answering = asyncio.ensure_future(self._respond())
        listening = asyncio.ensure_future(_disconnected(self._receive))
        try:
            await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
            if not answering.done():
                answering.cancel()
            await asyncio.gather(listening, answering, return_exceptions=True)
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
            subject = addresses.subject(addresses.client(self.scope))
            if not address_buckets.allows(subject, settings.LIVE_MAX_REQUESTS):
                raise too_fast()
            match self.scope["method"]:
                case "OPTIONS":
                    await self.reply(204, b"", {"Allow": ALLOWED_METHODS, **PREFLIGHT_HEADERS})
                case "GET" | "HEAD":
                    await self._ask(subject)
                case _:
                    raise Refusal(405, "bad-method", "The live log can be read, nothing else.", Allow=ALLOWED_METHODS)
        except Refusal as refused:
            counters.turned_away[refused.code] += 1
            await self.reply(refused.status, refused.body, {"Content-Type": JSON_TYPE, **refused.headers})

    async def _ask(self, subject: str) -> None:
        try:
            asked = queries.decode_query(self.scope["query_string"], self.shape)
            since = self._since(asked)
            if not await hub.ready_in_time():
                raise log_away()
            await self._admit(asked, subject)
        except queries.BadQuery as error:
            raise Refusal(400, "bad-parameter", str(error)) from error
        except BadPosition as error:
            raise Refusal(400, error.code, str(error)) from error
        except BadTicket as error:
            raise Refusal(401, error.code, str(error), WWW_Authenticate='Bearer error="invalid_token"') from error
        except LogAway as error:
            raise log_away() from error
        await (self.head() if self.scope["method"] == "HEAD" else self.answer(asked, since))

    def _since(self, asked: StreamQuery) -> Position | None:
        """Returns the position to resume from. A browser that resumes sends it in a header, beside its first query."""
        since = self.headers.get(b"last-event-id", b"").decode("latin-1") or asked.since
        return None if since is None else Position.parse(since)

    async def _admit(self, asked: StreamQuery, subject: str) -> None:
        """Sets the reader and the topics that they follow. Raises Refusal or BadTicket."""
        names = list(dict.fromkeys(asked.topic))
        if not await self.session.take_address_slot(subject):
            raise too_many()
        reader = await self._reader(names, bool(asked.here))
        if not await self.session.admit(reader):
            raise too_many()
        self.session.become(reader)
        await self.session.load_personal(names)
        self.session.check(reader)  # again: it may have been revoked while the log was asked
        self.judge(names)
        self.topics = list(dict.fromkeys(map(topics.normal, names)))
        if len(self.topics) > settings.LIVE_MAX_TOPICS:
            raise Refusal(400, "limit", f"A request may name {settings.LIVE_MAX_TOPICS} topics.")
        self._check_here(asked.here)

    async def _reader(self, names: Iterable[str], is_here: bool) -> Reader:
        """Returns the reader, if it matters: a request for what everyone may follow costs no query of its session."""
        reader = authentication.by_ticket(self.headers) or ANONYMOUS
        if reader is ANONYMOUS and (is_here or any(topics.check(ANONYMOUS, name) == "forbidden" for name in names)):
            return await authentication.by_session(self.headers)
        return reader

    def _check_here(self, names: list[str]) -> None:
        reader = self.session.current_reader
        if any(topics.check(reader, name) or topics.normal(name) not in self.topics for name in names):
            raise Refusal(400, "bad-topic", "A request can be present only on topics that it follows.")

    def judge(self, names: Iterable[str]) -> None:
        """Raises Refusal for a topic that the reader may not follow, or may not follow any more."""
        for name, reason in self.session.refusals(names).items():
            counters.refused[reason] += 1
            raise Refusal(STATUS_BY_REASON[reason], reason, f"{name[: topics.LONGEST]!a} cannot be followed: {reason}.")

    # --- who is present

    def attend(self, listener: PresenceListener, names: Sequence[str]) -> None:
        """Makes the reader present on these topics until the request ends."""
        self._presence = RequestPresence(listener, names)
        self._presence.begin(self.session.current_reader)

    # --- what its session says of access

    def access_expired(self) -> None:
        """Ends what the ticket allowed."""
        if self.session.expire():
            self._reader_changed()

    def access_changed(self, lost: frozenset[str]) -> None:
        """Ends what lost rights allowed."""
        self._reader_changed()

    def access_ended(self) -> None:
        """Ends the answer: the reader was signed out."""
        if self._presence is not None:
            self._presence.set_reader(ANONYMOUS)
        self.access_lost()

    def _reader_changed(self) -> None:
        if self._presence is not None:
            self._presence.set_reader(self.session.reader)
        if self.session.refusals(self.topics):
            self.access_lost()

    def access_lost(self) -> None:
        """Ends what is under way, or has it judged again; before the answer begins, `over` tells."""
        self.over.set()

    # --- sending

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Sends the head of the answer."""
        sent = {**RESPONSE_HEADERS, **self._cross_origin(), **headers}
        await self.send_headers(status=status, headers=[(k.encode(), v.encode()) for k, v in sent.items()])

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Sends the whole answer at the pace of its client, whose slots stay taken until then (server/timeouts.py)."""
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
        """Returns a writer straight to the connection; None on a server that has none, or where the client is gone."""
        writer: Callable[..., StreamWriter | None] | None = self.scope.get("extensions", {}).get("stop_press.stream")
        return writer(self.over.set) if writer else None

    def _cross_origin(self) -> dict[str, str]:
        """Returns the headers by which pages of the listed origins may read the answer, without cookies."""
        origin = self.headers.get(b"origin", b"").decode("latin-1")
        if not origins.is_listed(origin):
            return {"Vary": "Origin"}
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


def too_fast() -> Refusal:
    """Returns the refusal of an address that asks too often; a second later it may ask again."""
    return Refusal(429, "too-fast", "Too many requests from this address; come back more slowly.", Retry_After="1")


def too_many() -> Refusal:
    """Returns the refusal of a connection whose address or user has no slot left."""
    return Refusal(429, "too-many", "There is no room for this connection now; try later.", Retry_After="5")


def log_away() -> Refusal:
    """Returns the refusal of a question that the log does not answer now."""
    return Refusal(503, "log-away", "The log cannot be read at the moment; try again.", Retry_After="2")


async def _disconnected(receive: Receive) -> None:
    """Returns when the client is gone. A body is of no use here and is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
