"""`/live/stream`: Server-Sent Events. docs/protocol.md is its contract; `curl -N` is a complete client."""

import asyncio

from consumers.delivery.hub import hub
from consumers.delivery.subscription import Subscription
from consumers.delivery.writer import WRITE_TIMEOUT, StreamSendWriter, StreamWriter
from consumers.http import LiveRequest
from consumers.wire.queries import StreamQuery
from consumers.wire.server_frames import Heartbeat
from realtime.position import Position

STREAM_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}


class LiveStream(LiveRequest):
    """A reader's stream: the subscription of a socket, with a writer of event-stream blocks."""

    shape = StreamQuery
    _subscription: Subscription | None = None  # until the head of the answer is sent

    async def head(self) -> None:
        """Sends the head of the stream alone."""
        await self.begin(200, STREAM_HEADERS)
        await self.send_body(b"")

    async def answer(self, asked: StreamQuery, since: Position | None) -> None:
        """Streams what the topics bring, until the reader may follow them no longer or the server ends."""
        await self.begin(200, STREAM_HEADERS)
        await self.send_body(b"", more_body=True)  # from here on the writer writes, past the server
        writer = self._writer()
        subscription = self._subscription = Subscription(hub, writer)
        subscription.open()
        try:
            await subscription.set_variant(asked.variant)
            if not self.over.is_set():
                await self._follow(subscription, since, asked.compact)
                self.attend(subscription, asked.here)
            await self.over.wait()
        finally:
            subscription.close()
        if not writer.was_aborted:
            await self._finish(writer)

    async def _follow(self, subscription: Subscription, since: Position | None, compacted: bool) -> None:
        """Opens with a block that says where the reader stands: at `since`, until a reset is there too."""
        subscription.send(Heartbeat(str(since or subscription.position)))
        await subscription.follow(self.topics, [], since, compacted)

    async def _finish(self, writer: StreamWriter) -> None:
        """Ends the answer once the reader has taken what was written, or aborts it after WRITE_TIMEOUT."""
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await writer.drain()
        except TimeoutError:
            writer.abort()
        else:
            writer.release()
            await self.send_body(b"")

    def _writer(self) -> StreamWriter:
        """Returns the server's own way to the connection, or what every ASGI server has."""
        return self.direct() or StreamSendWriter(self.base_send, self.over.set)

    def access_lost(self) -> None:
        """Writes nothing more, also of what is still being loaded; a reader who comes back is judged again."""
        super().access_lost()
        if self._subscription is not None:
            if lost := self.session.refusals(self._subscription.topics):
                self._subscription.unfollow(list(lost), "forbidden")
            self._subscription.close()
