"""A WebSocket without a network: who is asked for a sign of life, what an application may do, and every end.

Twisted's connection alone is stood in for; the clock of the loop runs, and nobody waits for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from consumers.server.websocket import connection, handshake
from consumers.server.websocket.connection import CHECKS_PER_INTERVAL, WebSocketConnection, WebSockets
from tests.consumers.line import TransportStub
from tests.rfc6455.frames import CLOSE, PING, PONG, TEXT, Heard, closing, frame
from tests.rfc6455.wire import head

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Consumer:
    """An application that parks, keeps what it is told, and works on a frame for as long as the test likes."""

    def __init__(self) -> None:
        self.told: list[str | bytes | None] = []
        self.forgotten = 0
        self.works: asyncio.Future[None] | None = None
        self.was_cancelled = False

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        scope["extensions"]["stop_press.detach"](self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.told.append(bytes_data if text_data is None else text_data)
        if text_data == "fail":
            raise ValueError("on purpose")
        if self.works is not None:
            try:
                await asyncio.shield(self.works)
            except asyncio.CancelledError:
                self.was_cancelled = True
                raise
            if text_data == "fail later":
                raise ValueError("on purpose")

    def connection_lost(self) -> None:
        self.forgotten += 1


def said(*texts: str) -> bytes:
    return b"".join(frame(TEXT, text.encode()) for text in texts)


def opened(application: Any, sockets: WebSockets | None = None) -> tuple[WebSocketConnection, TransportStub]:
    sockets, line = sockets or WebSockets(application), TransportStub()
    asked = handshake.parse_request(head())
    assert asked is not None
    sockets.begin(line, asked)
    socket: Any = line.protocol
    return socket, line


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture(autouse=True)
def _nobody_looks_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CHECK_INTERVAL", 1000.0)


class TestRounds:
    async def test_who_is_silent_is_asked_and_then_cut_however_few_they_are(self, consumer: Consumer):
        sockets = WebSockets(consumer)
        lines = [opened(consumer, sockets)[1] for _ in range(3)]
        for _ in range(CHECKS_PER_INTERVAL):
            sockets.check()
        assert not any(line.frames() for line in lines)
        for _ in range(CHECKS_PER_INTERVAL):
            sockets.check()
        assert [[each.opcode for each in line.frames()] for line in lines] == 3 * [[PING]]
        assert not any(line.ended for line in lines)
        for _ in range(CHECKS_PER_INTERVAL):
            sockets.check()
        assert [line.ended for line in lines] == 3 * [["cut"]]

    async def test_in_a_round_each_is_looked_at_once_and_never_all_in_one_turn(self, consumer: Consumer):
        sockets = WebSockets(consumer)
        lines = [opened(consumer, sockets)[1] for _ in range(2 * CHECKS_PER_INTERVAL + 1)]
        for _ in range(CHECKS_PER_INTERVAL):
            sockets.check()
        for _ in range(CHECKS_PER_INTERVAL):
            before = sum(len(line.frames()) for line in lines)
            sockets.check()
            assert sum(len(line.frames()) for line in lines) - before <= 3
        assert [len(line.frames()) for line in lines] == [1] * len(lines)

    async def test_any_byte_is_a_sign_of_life(self, consumer: Consumer):
        sockets = WebSockets(consumer)
        socket, line = opened(consumer, sockets)
        for byte in frame(PONG) + frame(PONG):
            for _ in range(CHECKS_PER_INTERVAL):
                sockets.check()
            socket.dataReceived(bytes((byte,)))
        assert not line.frames()
        assert not line.ended


class TestParked:
    async def test_is_told_each_message_and_once_that_it_is_over(self, consumer: Consumer):
        socket, line = opened(consumer)
        socket.dataReceived(said("one", "two") + frame(2, b"three") + frame(PING, b"?"))
        assert consumer.told == ["one", "two", b"three"]
        assert line.frames() == [Heard(0x80 | PONG, b"?")]
        socket.connectionLost(None)
        assert consumer.forgotten == 1

    async def test_is_told_one_after_the_other(self, consumer: Consumer):
        socket, _ = opened(consumer)
        consumer.works = asyncio.get_running_loop().create_future()
        socket.dataReceived(said("one", "two", "three"))
        await turns()
        assert consumer.told == ["one"]
        socket.dataReceived(said("four"))
        consumer.works.set_result(None)
        await turns(30)
        assert consumer.told == ["one", "two", "three", "four"]

    async def test_is_told_what_came_before_it_parked(self, consumer: Consumer):
        may = asyncio.get_running_loop().create_future()

        async def slow(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await may
            await consumer(scope, receive, send)

        socket, line = opened(slow)
        socket.dataReceived(said("early", "bird"))
        may.set_result(None)
        await turns(10)
        assert line.status() == 101
        assert consumer.told == ["early", "bird"]

    async def test_a_frame_that_is_worked_on_is_given_up_with_the_connection(self, consumer: Consumer):
        """What is still to come is not begun, and only then it is forgotten."""
        socket, _ = opened(consumer)
        consumer.works = asyncio.get_running_loop().create_future()
        socket.dataReceived(said("one", "two"))
        await turns()
        socket.connectionLost(None)
        assert consumer.forgotten == 0
        await turns()
        assert (consumer.told, consumer.was_cancelled, consumer.forgotten) == (["one"], True, 1)

    async def test_a_close_is_answered_while_a_frame_is_worked_on(self, consumer: Consumer):
        socket, line = opened(consumer)
        consumer.works = asyncio.get_running_loop().create_future()
        socket.dataReceived(said("one", "two") + closing(1001) + said("behind"))
        assert (line.code(), line.ended) == (1000, ["lost"])
        consumer.works.set_result(None)
        await turns()
        assert consumer.told == ["one"], "nobody is there any more to hear the answer to the other"
        socket.connectionLost(None)
        assert consumer.forgotten == 1

    @pytest.mark.parametrize("when", ["fail", "fail later"])
    async def test_a_mistake_closes_with_1011_and_is_logged_once(self, consumer: Consumer, when: str, caplog):
        socket, line = opened(consumer)
        consumer.works = asyncio.get_running_loop().create_future()
        socket.dataReceived(said(when, "behind"))
        consumer.works.set_result(None)
        await turns()
        assert line.code() == 1011
        assert consumer.told == [when]
        socket.connectionLost(None)
        assert consumer.forgotten == 1
        assert errors(caplog) == ["Exception inside application: on purpose"]

    async def test_more_than_may_wait_is_too_much(self, consumer: Consumer, settings):
        settings.LIVE_MAX_FRAMES, settings.LIVE_MAX_BURST = 1_000_000, 5
        socket, line = opened(consumer)
        consumer.works = asyncio.get_running_loop().create_future()
        for _ in range(6):
            socket.dataReceived(said("x"))
            await turns()
            assert not line.frames()
        socket.dataReceived(said("x"))
        assert line.code() == 4029


class TestApplications:
    async def test_one_that_fails_before_it_answers_is_500(self, caplog):
        async def fails(*_: Any) -> None:
            raise ValueError("on purpose")

        _, line = opened(fails)
        assert (line.status(), line.ended) == (500, ["lost"])
        assert errors(caplog) == ["Exception inside application: on purpose"]

    async def test_one_that_fails_later_is_1011(self, caplog):
        async def fails(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await asyncio.sleep(0)
            raise ValueError("on purpose")

        _, line = opened(fails)
        await turns()
        assert line.code() == 1011
        assert len(errors(caplog)) == 1

    async def test_one_that_refuses_is_403(self):
        async def refuses(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.close"})

        _, line = opened(refuses)
        assert (line.status(), line.ended) == (403, ["lost"])

    async def test_one_that_ends_is_a_goodbye(self):
        async def ends(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await send({"type": "websocket.send", "bytes": b"world"})

        _, line = opened(ends)
        assert [each.payload for each in line.frames()[:2]] == [b"hello", b"world"]
        assert line.code() == 1000

    async def test_one_that_does_not_park_is_served_by_a_queue(self):
        heard: list[dict[str, Any]] = []

        async def usual(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            while not heard or heard[-1]["type"] != "websocket.disconnect":
                heard.append(await receive())

        socket, _ = opened(usual)
        socket.dataReceived(said("one") + frame(2, b"two"))
        socket.connectionLost(None)
        await turns()
        assert [each["type"].partition(".")[2] for each in heard] == ["connect", "receive", "receive", "disconnect"]
        assert (heard[1]["text"], heard[2]["bytes"], heard[3]["code"]) == ("one", b"two", 1006)

    async def test_one_that_goes_on_for_nobody_is_ended(self, monkeypatch):
        monkeypatch.setattr(connection, "DISCONNECT_TIMEOUT", 0.0)
        ended = asyncio.Event()

        async def goes_on(*_: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        socket, _ = opened(goes_on)
        socket.connectionLost(None)
        await asyncio.wait_for(ended.wait(), 30)

    async def test_one_that_does_not_answer_in_time_is_503_whatever_it_says_later(self, settings):
        settings.LIVE_HANDSHAKE_SECONDS = 0.0
        late = asyncio.Event()

        async def waits(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await late.wait()
            await send({"type": "websocket.accept"})

        _, line = opened(waits)
        async with asyncio.timeout(30):
            while not line.ended:
                await asyncio.sleep(0)
        late.set()
        await turns()
        assert (line.status(), line.frames(), line.ended) == (503, [], ["lost"])

    async def test_a_violation_before_the_answer_is_400_and_no_socket_comes_of_it(self):
        may = asyncio.Event()

        async def waits(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            await may.wait()
            await send({"type": "websocket.accept"})

        socket, line = opened(waits)
        socket.dataReceived(frame(TEXT, b"x", mask=None))
        may.set()
        await turns()
        assert (line.status(), line.frames(), line.ended) == (400, [], ["lost"])


class TestEnds:
    @pytest.fixture(autouse=True)
    def _no_time_for_a_goodbye(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "CLOSE_TIMEOUT", 0.0)

    @staticmethod
    async def is_cut(line: TransportStub) -> bool:
        async with asyncio.timeout(30):
            while "cut" not in line.ended:
                await asyncio.sleep(0)
        return True

    @pytest.mark.parametrize("sent", [frame(TEXT, b"\xff"), frame(TEXT, b"x", mask=None), frame(CLOSE, b"\x03")])
    async def test_nothing_is_looked_at_behind_a_violation(self, consumer: Consumer, sent: bytes):
        socket, line = opened(consumer)
        socket.dataReceived(sent + said("behind"))
        socket.dataReceived(sent + said("later") + closing(1000))
        assert line.code() in (1002, 1007)
        assert line.ended == ["half"]
        assert consumer.told == []
        assert await self.is_cut(line)

    async def test_who_does_not_answer_a_goodbye_is_cut(self, consumer: Consumer):
        socket, line = opened(consumer)
        socket.close(4401)
        socket.close(4012)
        socket.dataReceived(said("too late") + frame(PING))
        assert (line.code(), consumer.told) == (4401, [])
        assert await self.is_cut(line)

    async def test_who_answers_it_is_let_go(self, consumer: Consumer):
        socket, line = opened(consumer)
        socket.close(4401)
        socket.dataReceived(closing(4401))
        assert (line.code(), line.ended) == (4401, ["lost"])

    async def test_a_flood_is_not_heard_to_its_end_while_the_connection_ends(self, consumer: Consumer, settings):
        socket, line = opened(consumer)
        socket.close(4522)
        socket.dataReceived(said("x") * (settings.LIVE_MAX_BURST + 1) + closing(1000))
        assert (line.code(), line.ended) == (4522, ["half"])

    async def test_in_the_middle_of_a_frame(self, consumer: Consumer):
        socket, _ = opened(consumer)
        socket.dataReceived(said("whole") + said("in the middle")[:9])
        socket.connectionLost(None)
        assert (consumer.told, consumer.forgotten) == (["whole"], 1)

    async def test_of_the_process_lets_all_go_and_waits_for_that(self, consumer: Consumer):
        sockets = WebSockets(consumer)
        some = [opened(consumer, sockets) for _ in range(3)]
        ending = asyncio.ensure_future(sockets.end(30.0))
        await turns()
        assert [line.code() for _, line in some] == 3 * [4012]
        late, line = opened(consumer, sockets)
        assert line.code() == 4012, "it was connected before, and asks only now"
        for socket in (*[socket for socket, _ in some], late):
            assert not ending.done()
            socket.connectionLost(None)
        await turns()
        assert ending.done()
        assert consumer.forgotten == 4
