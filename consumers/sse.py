"""`/live/stream`: Server-Sent Events. docs/protocol.md is its contract; `curl -N` is a complete client."""

import asyncio
from datetime import UTC, datetime

from consumers.delivery.hub import hub
from consumers.delivery.subscription import Subscription
from consumers.delivery.writer import WRITE_TIMEOUT, StreamSendWriter, StreamWriter
from consumers.http import LiveRequest
from consumers.wire.queries import StreamQuery
from consumers.wire.server_frames import Heartbeat
from realtime.position import Position
from realtime.tickets import ANONYMOUS

STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


class LiveStream(LiveRequest):
    """One reader's stream: the subscription of a socket, with an outlet that writes blocks."""

    shape = StreamQuery
    subscription: Subscription

    async def head(self) -> None:
        await self.begin(200, STREAM)
        await self.send_body(b"")

    async def answer(self, asked: StreamQuery, since: Position | None) -> None:
        await self.begin(200, STREAM)
        await self.send_body(b"", more_body=True)  # from here on the outlet writes, past the server
        writer = self._outlet()
        self.subscription = Subscription(hub, writer)
        self.subscription.open()
        expiry = self._watch_expiry()
        try:
            await self.subscription.set_variant(asked.variant)
            if not self.over.is_set():
                await self._follow(since, asked.compact)
                self.attend(self.subscription, asked.here)
            await self.over.wait()
        finally:
            if expiry is not None:
                expiry.cancel()
            self.subscription.close()
        if not writer.was_aborted:
            await self._finish(writer)

    async def _finish(self, writer: StreamWriter) -> None:
        """Says that this is all, to a reader who has taken what came before."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await writer.drain()
        except TimeoutError:
            writer.abort()
        else:
            writer.release()
            await self.send_body(b"")

    async def _follow(self, since: Position | None, compacted: bool) -> None:
        """The opening block says where the reader stands: at `since`, until a reset is there too."""
        self.subscription.send(Heartbeat(str(since or self.subscription.position)))
        await self.subscription.follow(self.topics, [], since, compacted)

    def _outlet(self) -> StreamWriter:
        """The server's own way to the connection, or what every ASGI server has."""
        return self.direct() or StreamSendWriter(self.base_send, self.over.set)

    # --- who is reading

    def _watch_expiry(self) -> asyncio.TimerHandle | None:
        if self.reader.expires is None:
            return None
        seconds = (self.reader.expires - datetime.now(UTC)).total_seconds()
        return asyncio.get_running_loop().call_later(max(0.0, seconds), self._expired)

    def _expired(self) -> None:
        """The reader is nobody now. What nobody may follow ends the stream: who comes back is asked again."""
        self.becomes(ANONYMOUS)
        self.drop_forbidden()

    def access_lost(self) -> None:
        """Nothing more is written, also of what is still being loaded; who comes back is asked again."""
        self.over.set()
        if hasattr(self, "subscription"):
            self.drop_forbidden()
            self.subscription.close()

    def drop_forbidden(self) -> None:
        if lost := [topic for topic in self.subscription.topics if self.refusal(topic) is not None]:
            self.subscription.unfollow(lost, "forbidden")
            self.over.set()
