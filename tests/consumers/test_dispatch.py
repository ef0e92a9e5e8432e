"""The consumers without a server: Channels' own dispatch calls them, as on any server that is not ours."""

import asyncio
from typing import Any

import pytest

from consumers.delivery.hub import hub
from consumers.poll import LivePoll
from consumers.websocket import LiveConsumer
from consumers.wire.close_codes import CloseCode

SCOPE = {"type": "websocket", "path": "/live/socket", "headers": [], "client": ["192.0.2.1", 1], "query_string": b""}


class Server:
    """What an application receives and sends."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.Event().wait()
        return self.messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


CONNECT, GONE = {"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}


def text(said: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": said}


class Opened(LiveConsumer):
    """A consumer whose reader is in the hub from the start: no log is read here."""

    async def connect(self) -> None:
        await self.accept()
        self.subscription.open()


class Failing(Opened):
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        assert self.subscription in hub.readers
        raise ValueError("on purpose")


async def test_a_reader_is_forgotten_also_where_a_handler_raises():
    """Channels skips disconnect() then."""
    server, consumer = Server(CONNECT, text("{}")), Failing()
    with pytest.raises(ValueError, match="on purpose"):
        await consumer({**SCOPE}, server.receive, server.send)
    assert consumer.subscription not in hub.readers
    assert consumer.session.is_over


async def test_frames_are_counted_where_the_server_does_not(settings):
    settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST = 1, 3
    server, consumer = Server(CONNECT, *[text("{}")] * 9, GONE), Opened()
    await consumer({**SCOPE}, server.receive, server.send)
    closes = [each for each in server.sent if each["type"] == "websocket.close"]
    assert [each["code"] for each in closes] == [CloseCode.TOO_FAST]
    assert consumer.subscription not in hub.readers


async def test_nothing_is_raised_where_the_connection_ended_first():
    """uvicorn raises an OSError then, and a RuntimeError once it is being closed; Daphne another RuntimeError."""
    for error in (OSError(), RuntimeError()):
        server = Server(CONNECT, text("x" * 100_000), GONE)

        async def send(message: dict[str, Any], error: Exception = error) -> None:
            if message["type"] != "websocket.accept":
                raise error

        await Opened()({**SCOPE}, server.receive, send)


async def test_a_request_is_answered_before_its_body_is_here():
    """And none of it is kept."""
    server, consumer = Server({"type": "http.request", "body": b"x" * 100_000, "more_body": True}), LivePoll()
    scope = {**SCOPE, "type": "http", "method": "POST", "path": "/live/log"}
    await consumer(scope, server.receive, server.send)
    assert server.sent[0]["status"] == 405
    assert consumer.body == []
