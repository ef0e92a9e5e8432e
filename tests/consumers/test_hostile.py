"""Whatever a client sends: a clear error or close, no exception in the log, and nothing left behind."""

import json
import os
import re
import socket
import struct
import urllib.request
from contextlib import closing, suppress

import pytest

from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.waiting import until

DEEP = 100_000 // 4

BAD = {
    "nothing": "",
    "not JSON": "{",
    "a number": "1",
    "null": "null",
    "a list": "[]",
    "no type": "{}",
    "an unknown type": '{"type":"shout"}',
    "a type that is a number": '{"type":1}',
    "a type that is a list": '{"type":["ping"]}',
    "no topics": '{"type":"subscribe"}',
    "topics that are text": '{"type":"subscribe","topics":"front"}',
    "topics that are numbers": '{"type":"subscribe","topics":[1e999]}',
    "topics in topics": '{"type":"subscribe","topics":[["front"]]}',
    "a ticket that is an object": '{"type":"hello","ticket":{}}',
    "an unknown format": '{"type":"hello","format":"xml"}',
    "half a surrogate pair": '{"type":"subscribe","topics":["\\ud800"]}',
    "deep lists": '{"type":"ping","x":' + "[" * DEEP + "]" * DEEP + "}",
    "deep objects": '{"type":"ping","x":' + '{"a":' * (DEEP // 3) + "1" + "}" * (DEEP // 3) + "}",
    "only brackets": "[" * 60_000,
    "two objects": '{"type":"ping"}{"type":"ping"}',
    "NaN": '{"type":"ping","x":NaN}',
    "a byte order mark": '\ufeff{"type":"ping"}',
}

ODD = {
    "huge numbers where nobody looks": '{"type":"ping","x":' + "9" * 10_000 + "}",
    "a number beyond all": '{"type":"ping","x":-1e400}',
    "a member twice": '{"type":"ping","type":"ping"}',
    "escapes": '{"type":"\\u0070ing"}',
    "a null character": '{"type":"ping","x":"\\u0000"}',
}

POSITIONS = ["", "-", "x", "-1", "x-", "x--1", "x-1e3", "x-" + "9" * 40, "\u0663-\u0663", "x-1 ", "x" * 60_000]


@pytest.mark.parametrize("what", BAD)
def test_a_bad_frame_is_answered_and_changes_nothing(cleo: Reader, what: str):
    cleo.subscribe("front")
    cleo.send(BAD[what])
    error = cleo.hear()
    assert (error["type"], error["code"]) == ("error", "bad-message")
    assert len(error["detail"]) < 300
    assert cleo.subscribe()["topics"] == ["front"]


@pytest.mark.parametrize("what", ODD)
def test_an_odd_frame_is_no_bad_one(cleo: Reader, what: str):
    cleo.send(ODD[what])
    assert cleo.hear()["type"] in ("pong", "error")
    assert cleo.pong()


def test_a_binary_frame_is_a_bad_one(cleo: Reader):
    cleo.send(b'{"type":"ping"}')
    assert cleo.hear()["code"] == "bad-message"


@pytest.mark.parametrize("since", POSITIONS)
def test_a_bad_position_is_answered(cleo: Reader, since: str):
    answer = cleo.ask("subscribe", topics=["front"], since=since)
    assert answer.get("code") == "bad-position" or answer["recovered"] is False


@pytest.mark.parametrize(
    "topic", ["", "post 1", "post/1", "a" * 101, "\x00", "post.1\n", "*", "..", ".", "пост.1", "\u202e"]
)
def test_a_bad_topic_is_refused(cleo: Reader, topic: str):
    assert cleo.subscribe(topic)["refused"] == [{"topic": topic, "code": "unknown"}]


def test_many_topics_in_one_frame_are_refused_beyond_the_limit(cleo: Reader):
    answer = cleo.subscribe(*[f"post.{number}" for number in range(5000)])
    assert len(answer["topics"]) == 200
    assert {refused["code"] for refused in answer["refused"]} == {"limit"}


@pytest.mark.parametrize("ticket", ["x" * 60_000, "\u0000", "a:b:c:d", "\ud7ff:\ud7ff", "eyJ9:1:2"])
def test_a_forged_ticket_is_refused(cleo: Reader, ticket: str):
    assert cleo.ask("hello", ticket=ticket)["code"] == "bad-ticket"


def frame(opcode: int, payload: bytes = b"", final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame of RFC 6455 with whatever is wrong with it. The mask is zero."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    size = len(payload)
    mask = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mask | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mask | 126, size)
    else:
        head = struct.pack("!BBQ", first, mask | 127, size)
    return head + (b"\0\0\0\0" if masked else b"") + payload


MALFORMED = {
    "not masked": (frame(1, b"{}", masked=False), 1002),
    "a reserved bit": (frame(1, b"{}", reserved=4), 1002),
    "an unknown opcode": (frame(3, b"{}"), 1002),
    "a ping that is too long": (frame(9, b"x" * 126), 1002),
    "a ping in pieces": (frame(9, b"x", final=False), 1002),
    "a continuation of nothing": (frame(0, b"x"), 1002),
    "a message within another": (frame(1, b"x", final=False) + frame(1, b"x"), 1002),
    "not UTF-8": (frame(1, b"\xff\xfe"), 1007),
    "not UTF-8, in pieces": (frame(1, b"\xe2\x82", final=False) + frame(0, b"\x28"), 1007),
    "too large": (frame(1, b" " * 65_537), 4509),
    "too large, in pieces": (frame(1, b" " * 40_000, final=False) + frame(0, b" " * 40_000), 4509),
    "said to be a terabyte": (b"\x81\xff" + struct.pack("!Q", 1 << 40) + b"\0\0\0\0", 4509),
    "said to be more than there is": (b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"\0\0\0\0", 1002),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_frame_closes(edge: Edge, what: str):
    sent, code = MALFORMED[what]
    with closing(Raw(edge)) as raw:
        raw.send(sent)
        assert raw.code() == code


def test_pieces_that_are_well_formed_are_one_message(cleo: Reader):
    cleo.send(list('{"type":"ping"}'))
    assert cleo.hear()["type"] == "pong"


def test_a_million_small_frames_cost_nothing(edge: Edge, cleo: Reader):
    memory = resident(edge)
    many = frame(1, b"{}") * 10_000
    with closing(Raw(edge)) as raw, suppress(OSError):
        for _ in range(100):
            raw.send(many)
        assert raw.code() == 4029
    assert cleo.pong()
    assert resident(edge) - memory < 8 * 1024, "KiB"


def test_pings_that_nobody_reads_the_answers_to_cost_nothing(edge: Edge, cleo: Reader):
    memory = resident(edge)
    many = frame(9, b"x" * 125) * 1000
    with closing(Raw(edge)) as raw, suppress(OSError):
        for _ in range(100):
            raw.send(many)
    assert cleo.pong()
    assert resident(edge) - memory < 8 * 1024, "KiB"


@pytest.mark.parametrize("path", ["/live/socket/", "/live/sockets", "/", "/live/socket%00", "/live/%ff"])
def test_a_path_that_is_no_socket_is_refused(edge: Edge, path: str):
    with closing(Raw(edge, path, expected=None)) as raw:
        assert raw.status in (400, 403, 404)


def test_nothing_is_left_behind(edge: Edge):
    """After connections that end in every way: descriptors and registry are back to where they were."""
    until(lambda: gauges(edge)["sockets"] == 0)
    before, descriptors = gauges(edge), open_files(edge)
    for end in (Raw.close, Raw.reset, Raw.close_politely):
        for _ in range(20):
            raw = Raw(edge)
            raw.send(frame(1, json.dumps({"type": "subscribe", "topics": ["front", "post.1"]}).encode()))
            end(raw)
    for number in range(10):  # gone before the handshake is finished, or in the middle of a frame
        half = socket.create_connection(("127.0.0.1", edge.port))
        half.send(b"GET /live/socket HTTP/1.1\r\nHost: x\r\n"[: number * 4])
        half.close()
        raw = Raw(edge)
        raw.send(frame(1, b"{}" * 100)[:50])
        raw.close()
    until(lambda: gauges(edge) == before)
    until(lambda: open_files(edge) <= descriptors)


class Raw:
    """A connection that sends bytes, whatever they are."""

    def __init__(self, edge: Edge, path: str = "/live/socket", expected: int | None = 101) -> None:
        self.socket = socket.create_connection(("127.0.0.1", edge.port), timeout=10)
        self.send(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{edge.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.heard = b""
        while b"\r\n\r\n" not in self.heard:
            self.heard += self.socket.recv(4096)
        self.status = int(self.heard.split(b" ")[1])
        assert expected in (None, self.status)
        self.heard = self.heard.partition(b"\r\n\r\n")[2]

    def send(self, sent: bytes) -> None:
        self.socket.sendall(sent)

    def code(self) -> int:
        """Reads until a close frame; its code."""
        while True:
            while len(self.heard) >= 4:
                size, start = self.heard[1], 2
                if size == 126:
                    size, start = struct.unpack("!H", self.heard[2:4])[0], 4
                if self.heard[0] == 0x88:
                    return int(struct.unpack("!H", self.heard[start : start + 2])[0])
                if len(self.heard) < start + size:
                    break
                self.heard = self.heard[start + size :]
            more = self.socket.recv(65536)
            assert more, "closed without a close frame"
            self.heard += more

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close_politely(self) -> None:
        self.send(frame(8, struct.pack("!H", 1000)))
        assert self.code() == 1000
        self.socket.close()


def resident(edge: Edge) -> int:
    """KiB of memory that the process holds."""
    with open(f"/proc/{edge.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def open_files(edge: Edge) -> int:
    return len(os.listdir(f"/proc/{edge.process.pid}/fd"))


def gauges(edge: Edge) -> dict[str, int]:
    """What the edge says it holds at the moment."""
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        text = answer.read().decode()
    return {name: int(number) for name, number in re.findall(r"^stop_press_(sockets|topics)\{.*\} (\d+)$", text, re.M)}
