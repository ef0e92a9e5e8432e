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
from tests.consumers.raw import Raw, frame
from tests.consumers.reader import Reader
from tests.consumers.test_websocket import ticket
from tests.waiting import PATIENCE, until

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
    "half a surrogate pair as a ticket": '{"type":"hello","ticket":"\\ud800"}',
    "half a surrogate pair as a language": '{"type":"hello","language":"\\udfff"}',
    "half a surrogate pair where one is": '{"type":"here","topic":"\\ud800","state":"viewing"}',
    "half a surrogate pair where nobody looks": '{"type":"ping","\\ud800":1}',
    "a position beyond all numbers": '{"type":"subscribe","topics":["front"],"since":1e400}',
    "a position of 400 digits": '{"type":"subscribe","topics":["front"],"since":' + "9" * 400 + "}",
    "a deep ticket": '{"type":"hello","ticket":' + "[" * DEEP + "]" * DEEP + "}",
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

POSITIONS = [
    "x-" + "9" * 400,
    "x-1e400",
    "x-0x10",
    "x-1_0",
    "",
    "-",
    "x",
    "-1",
    "x-",
    "x--1",
    "x-1e3",
    "x-" + "9" * 40,
    "\u0663-\u0663",
    "x-1 ",
    "x" * 60_000,
]


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


@pytest.mark.parametrize(
    "topic", ["user.7707\u0667", "user.077077", "user.77077.", "user." + "9" * 90, "task." + "9" * 90, "desk\u0301"]
)
def test_nothing_but_one_s_own_name_opens_what_is_personal(cleo: Reader, topic: str):
    assert cleo.ask("hello", ticket=ticket(id=77077))["user"] == 77077
    answer = cleo.subscribe("user.77077", topic)
    assert answer["topics"] == ["user.77077"]
    assert answer["refused"][0]["code"] in ("forbidden", "unknown")


def test_what_comes_behind_a_malformed_frame_is_not_looked_at(edge: Edge):
    """Also not a frame that would be answered, in the same packet or later, however much there is."""
    memory = resident(edge)
    with closing(Raw(edge)) as raw, suppress(OSError):
        raw.send(frame(8, b"\x03") + frame(9, b"Are you there?") + frame(1, b'{"type":"ping"}'))
        assert raw.code() == 1002
        for _ in range(100):
            raw.send(frame(9, b"x" * 125) * 1000)
        assert raw.is_over()
    assert resident(edge) - memory < 8 * 1024, "KiB"


def test_a_malformed_close_is_counted(edge: Edge):
    with closing(Raw(edge)) as raw:
        raw.send(frame(8, b"\x03"))
        raw.code()
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        assert re.search(r'^stop_press_closed_total\{.*code="1002".*\} [1-9]', answer.read().decode(), re.M)


def test_who_says_goodbye_and_reads_nothing_is_not_waited_for(edge: Edge, cleo: Reader):
    with closing(Raw(edge, small=True)) as raw:
        raw.stall("tag.goodbye", cleo)
        descriptors = open_files(edge)
        raw.send(frame(8, struct.pack("!H", 1000)))
        until(lambda: open_files(edge) < descriptors, seconds=15)  # before it is cut for taking nothing


def test_pieces_that_are_well_formed_are_one_message(cleo: Reader):
    cleo.send(list('{"type":"ping"}'))
    assert cleo.hear()["type"] == "pong"


def test_a_million_small_frames_cost_nothing(edge: Edge, cleo: Reader):
    """A closing connection is not heard to its end either."""
    memory = resident(edge)
    for small, codes in ((b'{"type":"ping"}', {4029}), (b"{}", {4029, 4522})):  # the last break two rules at once
        many = frame(1, small) * 10_000
        with closing(Raw(edge)) as raw, suppress(OSError):
            for _ in range(100):
                raw.send(many)
            assert raw.code() in codes
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


@pytest.mark.parametrize("host", [b"127.\t.0.1", b"elsewhere.example", b"a b", b"[::1"])
def test_a_host_that_is_not_ours_is_a_line_in_the_log(edge: Edge, host: bytes):
    with socket.create_connection(("127.0.0.1", edge.port), timeout=PATIENCE) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n")
        assert plain.recv(4096).split(b" ")[1] == b"400"
    assert edge.said_nothing_of("Traceback")


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
    return {
        name: int(number) for name, number in re.findall(r"^stop_press_(sockets|topics)\{.*\} (\d+)\.0$", text, re.M)
    }
