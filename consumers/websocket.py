"""`/live/socket`: a WebSocket that follows topics. docs/protocol.md is its contract."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from consumers.access import addresses, origins
from consumers.access.rate_limits import TokenBucket
from consumers.access.session import Session
from consumers.delivery.hub import hub
from consumers.delivery.subscription import Subscription
from consumers.delivery.writer import CONNECTION_LOST, SendWriter
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
from realtime.tickets import ANONYMOUS

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Detach = Callable[["LiveConsumer"], None]


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A reader's socket. It has no channel layer: the hub writes events straight to its writer."""

    session: Session
    subscription: Subscription
    occupant: Occupant
    groups: tuple[str, ...] = ()
    channel_layer_alias = ""  # of no layer: Channels would open a mailbox in Redis for each reader
    _bad_frames = 0
    _ending: asyncio.Task[None] | None = None  # that ends what the ticket allowed, or closes the socket

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serves the socket by Channels' own dispatch, or detaches from a server that offers `stop_press.detach`."""
        extensions = scope.get("extensions") or {}
        self.session = Session(self, hub)
        self.subscription = Subscription(hub, extensions.get("stop_press.writer") or SendWriter(send))
        self.occupant = Occupant(self.subscription)
        self._turn = asyncio.Lock()  # frames are answered in order, and a ticket ends between two of them
        if (detach := extensions.get("stop_press.detach")) is not None:
            await self._connect_and_detach(scope, receive, send, detach)
            return
        self._bucket = TokenBucket(settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST)
        try:
            await super().__call__(scope, receive, send)
        finally:  # Channels skips disconnect() where a handler raises
            self.connection_lost()

    async def _connect_and_detach(self, scope: dict[str, Any], receive: Receive, send: Send, detach: Detach) -> None:
        """Answers the handshake and ends; the server calls `receive` and `connection_lost` from then on.

        Channels' loop costs two tasks for each frame, and a hop to another thread.
        """
        self.scope, self.base_send, self.channel_layer = scope, send, None
        is_detached = False
        try:
            await self.websocket_connect(await receive())
            detach(self)
            is_detached = True
        finally:
            if not is_detached:
                self.connection_lost()
        del self.scope  # a socket lives for days, and has no use for what opened it

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Counts a frame and answers it. Channels' dispatch calls it; our own server counts by itself."""
        if self._bucket.allows():
            await super().websocket_receive(message)
        elif not self.session.is_over:
            await self._close(CloseCode.TOO_FAST)

    async def connect(self) -> None:
        """Accepts the handshake, and welcomes the reader or closes the socket with the reason."""
        await self.accept()
        if not origins.is_allowed(self.scope):
            await self._close(CloseCode.ORIGIN)
        elif not await self._take_address_slot() or not await hub.ready_in_time():
            await self._close(CloseCode.TRY_LATER)
        else:
            self.subscription.open()
            epoch = hub.position.epoch
            self.subscription.send(
                server_frames.Welcome(server_frames.PROTOCOL_VERSION, epoch, server_frames.HEARTBEAT_SECONDS)
            )

    async def _take_address_slot(self) -> bool:
        if not settings.LIVE_MAX_PER_ADDRESS:  # then the address is of no use either
            return True
        return await self.session.take_address_slot(addresses.subject(addresses.client(self.scope)))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Answers one frame of the client, after those before it."""
        if self.session.is_over:
            return
        async with self._turn:
            try:
                await self._answer(text_data)
            except client_frames.BadMessage as error:
                await self._send_error("bad-message", str(error))
            except RealtimeError as error:
                await self._send_error(error.code, str(error))

    async def _answer(self, text: str | None) -> None:
        if text is None:
            raise client_frames.BadMessage("Frames are text: one JSON object each.")
        if len(text) > settings.LIVE_MAX_FRAME_BYTES:  # our server's own limit comes first; others have theirs
            await self._close(CloseCode.TOO_LARGE)
            return
        match client_frames.decode_request(text):
            case client_frames.Hello() as hello:
                await self._hello(hello)
            case client_frames.Subscribe(topics=names, since=since):
                await self._subscribe(names, since)
            case client_frames.Unsubscribe(topics=names):
                self._unsubscribe([topics.normal(name) for name in dict.fromkeys(names)])
            case client_frames.Ping():
                self.subscription.send(server_frames.Pong(str(self.subscription.position)))
            case client_frames.Here(topic=topic, state=state):
                tracker.here(self.occupant, self.session.current_reader, topic, state)

    # --- what a client asks

    async def _hello(self, hello: client_frames.Hello) -> None:
        """Sets reader and variant. Members that a hello leaves out mean anonymous, JSON, the site's language."""
        reader = tickets.read(hello.ticket) if hello.ticket else ANONYMOUS
        if not await self.session.admit(reader):
            await self._close(CloseCode.TRY_LATER)
            return
        form, language = hello.format or "json", language_of(hello.language)
        await self.subscription.set_variant(Variant(form, language) if form == "html" else JSON)
        self.session.become(reader)  # checks the ticket again: frames of a variant may take a while to prepare
        expires = stamp(reader.expires) if reader.expires else None
        self.subscription.send(server_frames.Hello(reader.id, reader.name, form, language, expires))
        self._drop_forbidden()

    async def _subscribe(self, names: list[str], since: str | None) -> None:
        position = None if since is None else Position.parse(since)
        new, refused = await self._sort(names)
        await self.subscription.follow(new, refused, position)

    def _unsubscribe(self, names: list[str]) -> None:
        self.subscription.unfollow(names, "asked")
        tracker.leave(self.occupant, names)

    async def _sort(self, names: list[str]) -> tuple[list[str], list[Refused]]:
        """Returns the topics that are new and may be followed, and those that may not."""
        followed = set(self.subscription.topics)
        new: dict[str, None] = {}
        refused = []
        await self.session.load_personal(names)
        for name in dict.fromkeys(names):
            reason = self.session.refusal(name)
            if reason is None and (topic := topics.normal(name)) not in followed and topic not in new:
                if len(followed) + len(new) < settings.LIVE_MAX_TOPICS:
                    new[topic] = None
                else:
                    reason = "limit"
            if reason is not None:
                refused.append(Refused(name, reason))
                counters.refused[reason] += 1
        return list(new), refused

    # --- what its session says of access

    def access_expired(self) -> None:
        """Ends what the ticket allowed, after the frame that is being answered."""
        self._ending = asyncio.get_running_loop().create_task(self._expire())

    async def _expire(self) -> None:
        async with self._turn:
            if self.session.expire():
                self._drop_forbidden()

    def access_changed(self, lost: frozenset[str]) -> None:
        """Ends what lost rights allowed, before any event that comes with the loss.

        A reader who is catching up is closed, and comes back with a new ticket.
        """
        if lost and self._turn.locked():
            self.session.end()
            self.access_ended()
        elif lost:
            self._drop_forbidden()

    def access_ended(self) -> None:
        """Writes nothing more, at once; the close follows."""
        self.subscription.close()
        tracker.leave(self.occupant)
        self._ending = asyncio.get_running_loop().create_task(self._close(CloseCode.SIGNED_OUT))

    def _drop_forbidden(self) -> None:
        tracker.set_reader(self.occupant, self.session.current_reader)
        if lost := self.session.refusals(self.subscription.topics):
            self.subscription.unfollow(list(lost), "forbidden")

    # --- its end

    async def _send_error(self, code: str, detail: str) -> None:
        self.subscription.send(server_frames.Error(code, detail))
        counters.errors[code] += 1
        self._bad_frames += 1
        if self._bad_frames >= settings.LIVE_MAX_BAD_FRAMES:  # a client that cannot speak the protocol will not learn
            await self.subscription.writer.drain()
            await self._close(CloseCode.BAD_FRAMES)

    async def _close(self, code: CloseCode) -> None:
        self.session.end()
        self.subscription.close()
        with suppress(*CONNECTION_LOST):
            await self.close(int(code))

    def connection_lost(self) -> None:
        """Gives back all that the connection held: it is over."""
        self.session.release()
        if self._ending is not None:
            self._ending.cancel()
        self.subscription.close()
        tracker.disconnect(self.occupant)
