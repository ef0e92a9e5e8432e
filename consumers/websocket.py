"""`/live/socket`: a WebSocket that follows topics. docs/protocol.md is its contract."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from consumers.access import addresses, origins
from consumers.access.connection_quota import ConnectionSlot
from consumers.delivery.hub import READY_TIMEOUT, hub
from consumers.delivery.subscription import Subscription
from consumers.delivery.writer import SendWriter, Writer
from consumers.metrics import counters
from consumers.presence.topic import Occupant
from consumers.presence.tracker import tracker
from consumers.wire import client_frames, server_frames
from consumers.wire.close_codes import CloseCode
from consumers.wire.queries import language_of
from consumers.wire.server_frames import JSON, Refused, Variant, stamp
from realtime import tickets, topics
from realtime.errors import RealtimeError
from realtime.position import Position
from realtime.tickets import ANONYMOUS, Reader

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One reader's socket. No channel layer: the hub writes events to its outlet."""

    subscription: Subscription
    writer: Writer
    occupant: Occupant
    groups: tuple[str, ...] = ()
    _theirs: frozenset[str] = frozenset()  # topics that the log, not the ticket, says are this reader's
    _bad = 0
    _closed = False
    _expiry: asyncio.TimerHandle | None = None
    _ending: asyncio.Task[None] | None = None  # of the ticket's life, or of the socket's

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One coroutine for the life of the socket: its frames are answered in order.

        Channels' own loop costs two tasks and a hop to another thread for each frame, and skips
        disconnect() when a handler raises, which would leave the reader in the hub. A server that can park
        consumers (lean.py) calls `receive` and `forget` itself once the socket is open, and this ends.
        """
        self.scope, self.base_send, self.channel_layer = scope, send, None
        self.reader = ANONYMOUS
        self._slot = ConnectionSlot()
        self._turn = asyncio.Lock()  # frames in order, and the end of a ticket between two of them
        detach, detached = scope.get("extensions", {}).get("stop_press.detach"), False
        try:
            while not detached and (message := await receive())["type"] != "websocket.disconnect":
                await getattr(self, message["type"].replace(".", "_"))(message)
                if detach is not None:
                    detach(self)
                    detached = True
                    del self.scope  # a socket lives for days, and has no use for what opened it
        finally:
            if not detached:
                self.connection_lost()

    async def connect(self) -> None:
        await self.accept()
        if not origins.allowed(self.scope):
            await self._close(CloseCode.ORIGIN)
            return
        if not await self._may_come():
            await self._close(CloseCode.TRY_LATER)
            return
        if not hub.is_ready and not await self._hub_gets_ready():
            await self._close(CloseCode.TRY_LATER)
            return
        self.writer = self.scope.get("extensions", {}).get("stop_press.writer") or SendWriter(self.base_send)
        self.subscription = Subscription(hub, self.writer)
        self.occupant = Occupant(self.subscription)
        self.subscription.open()
        self.subscription.send(server_frames.Welcome(server_frames.PROTOCOL, hub.epoch, server_frames.HEARTBEAT))

    async def _may_come(self) -> bool:
        """Whether there is room for one more from that address."""
        limit = settings.LIVE_MAX_PER_ADDRESS
        if not limit:
            return True
        return await self._slot.take("address", addresses.subject(addresses.client(self.scope)), limit)

    async def _hub_gets_ready(self) -> bool:
        ready = asyncio.ensure_future(hub.ready())
        _, late = await asyncio.wait([ready], timeout=READY_TIMEOUT)
        ready.cancel()
        return not late

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self._closed:
            return
        async with self._turn:
            try:
                await self._answer(text_data)
            except client_frames.BadMessage as error:
                await self._complain("bad-message", str(error))
            except RealtimeError as error:
                await self._complain(error.code, str(error))

    async def _answer(self, text: str | None) -> None:
        if text is None:
            raise client_frames.BadMessage("Frames are text: one JSON object each.")
        if (
            len(text) > settings.LIVE_MAX_FRAME_BYTES
        ):  # Daphne's limit comes first (server.py); other servers have their own
            await self._close(CloseCode.TOO_LARGE)
            return
        match client_frames.decode(text):
            case client_frames.Hello() as hello:
                await self._hello(hello)
            case client_frames.Subscribe(topics=names, since=since):
                await self._subscribe(names, since)
            case client_frames.Unsubscribe(topics=names):
                self._unsubscribe([topics.normal(name) for name in dict.fromkeys(names)])
            case client_frames.Ping():
                self.subscription.send(server_frames.Pong(str(self.subscription.position)))
            case client_frames.Here(topic=topic, state=state):
                tracker.here(self.occupant, self._current_reader(), topic, state)

    # --- what a client asks

    async def _hello(self, hello: client_frames.Hello) -> None:
        """Who reads, and how. Complete each time: what it leaves out is anonymous, JSON, the site's language."""
        reader = tickets.read(hello.ticket) if hello.ticket else ANONYMOUS
        hub.revocations.admit(reader)
        if reader.id is not None and not await self._slot.take("user", reader.id, settings.LIVE_MAX_PER_USER):
            await self._close(CloseCode.TRY_LATER)
            return
        form, language = hello.format or "json", language_of(hello.language)
        await self.subscription.set_variant(Variant(form, language) if form == "html" else JSON)
        hub.revocations.admit(reader)  # again: it may have been revoked while that was prepared
        self._become(reader)
        expires = stamp(reader.expires) if reader.expires else None
        self.subscription.send(server_frames.Hello(reader.id, reader.name, form, language, expires))
        self._drop_forbidden()
        self._watch_expiry()

    async def _subscribe(self, names: list[str], since: str | None) -> None:
        position = None if since is None else Position.parse(since)
        new, refused = await self._admit(names)
        await self.subscription.follow(new, refused, position)

    def _unsubscribe(self, names: list[str]) -> None:
        self.subscription.unfollow(names, "asked")
        tracker.leave(self.occupant, names)

    async def _admit(self, names: list[str]) -> tuple[list[str], list[Refused]]:
        """Those of the topics that are new and may be followed, and those that may not."""
        followed = set(self.subscription.topics)
        new: dict[str, None] = {}
        refused = []
        self._theirs |= await hub.revocations.personal(self._current_reader(), names, hub.addressed)
        for name in dict.fromkeys(names):
            reason = self._refusal(name)
            if reason is None and (topic := topics.normal(name)) not in followed and topic not in new:
                if len(followed) + len(new) < settings.LIVE_MAX_TOPICS:
                    new[topic] = None
                else:
                    reason = "limit"
            if reason is not None:
                refused.append(Refused(name, reason))
                counters.refused[reason] += 1
        return list(new), refused

    # --- who is reading

    def access_changed(self, reader: Reader) -> None:
        """The hub says so, before any event that comes with it. Who is catching up comes back for it."""
        lost = self.reader.rights - reader.rights
        self.reader = reader
        if lost and self._turn.locked():
            self.access_ended()
        elif lost:
            self._drop_forbidden()

    def access_ended(self) -> None:
        """Nothing more is written, at once; the close follows."""
        self._closed = True
        self.subscription.close()
        tracker.leave(self.occupant)
        self._ending = asyncio.get_running_loop().create_task(self._close(CloseCode.SIGNED_OUT))

    def _become(self, reader: Reader) -> None:
        hub.revocations.leave(self)
        if reader.id is None:
            self._slot.release("user")
        if reader.id != self.reader.id:
            self._theirs = frozenset()
        self.reader = reader
        if not self._closed:
            hub.revocations.enter(self)

    def _refusal(self, topic: str) -> str | None:
        reason = topics.check(self._current_reader(), topic)
        return None if reason == "forbidden" and topic in self._theirs else reason

    def _current_reader(self) -> Reader:
        """The reader, as long as the ticket lives: a timer does not run while a machine sleeps."""
        if self.reader.expires is not None and self.reader.expires <= datetime.now(UTC):
            return ANONYMOUS
        return self.reader

    def _watch_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self.reader.expires is not None:
            seconds = (self.reader.expires - datetime.now(UTC)).total_seconds()
            self._expiry = asyncio.get_running_loop().call_later(max(0.0, seconds), self._expired)

    def _expired(self) -> None:
        self._ending = asyncio.get_running_loop().create_task(self._become_anonymous())

    async def _become_anonymous(self) -> None:
        async with self._turn:
            if self._current_reader() is ANONYMOUS and not self._closed:
                self._become(ANONYMOUS)
                self._drop_forbidden()

    def _drop_forbidden(self) -> None:
        tracker.becomes(self.occupant, self._current_reader())
        if lost := [topic for topic in self.subscription.topics if self._refusal(topic) is not None]:
            self.subscription.unfollow(lost, "forbidden")

    # --- its end

    async def _complain(self, code: str, detail: str) -> None:
        self.subscription.send(server_frames.Error(code, detail))
        counters.errors[code] += 1
        self._bad += 1
        if self._bad >= settings.LIVE_MAX_BAD_FRAMES:  # a client that cannot speak the protocol will not learn it
            await self.writer.drain()
            await self._close(CloseCode.BAD_FRAMES)

    async def _close(self, code: CloseCode) -> None:
        self._closed = True
        hub.revocations.leave(self)
        if hasattr(self, "subscription"):
            self.subscription.close()
        await self.close(int(code))

    def connection_lost(self) -> None:
        """The connection is over."""
        self._closed = True
        hub.revocations.leave(self)
        self._slot.release()
        if self._expiry is not None:
            self._expiry.cancel()
        if self._ending is not None:
            self._ending.cancel()
        if hasattr(self, "subscription"):
            self.subscription.close()
            tracker.lose(self.occupant)
