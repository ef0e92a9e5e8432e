"""Conversations by chance, judged by a model (model.py).

In CI the same ones each time. `FUZZ_SECONDS=600 python3 manage.py test tests/rfc6455/test_fuzz.py` goes on with others
for so long; a failure says how to tell that one conversation again (`FUZZ_SEED=…`).
"""

import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import closing as closing_
from typing import Any, NamedTuple

from tests.consumers.conftest import Edge
from tests.rfc6455.conftest import quiet
from tests.rfc6455.conversations import Conversation, conversation
from tests.rfc6455.frames import CLOSE, PONG
from tests.rfc6455.handshakes import outcome
from tests.rfc6455.heads import handshake, may_open
from tests.rfc6455.model import EARLY, Expected, Server, Undecided
from tests.rfc6455.wire import DEFLATE, Connection, head

FIRST, COUNT = 6455, 160  # the conversations of CI
SECONDS = float(os.environ.get("FUZZ_SECONDS", 0))
SEED = os.environ.get("FUZZ_SEED")


def seeds() -> Iterator[int]:
    """One, those of CI, or as many as there is time for."""
    if SEED is not None:
        yield int(SEED)
        return
    yield from range(FIRST, FIRST + COUNT)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        yield secrets.randbits(32)


class Heard(NamedTuple):
    """What a server made of it."""

    pongs: list[bytes]
    messages: list[dict[str, Any]]
    code: int | None  # None: no close frame
    trouble: str = ""  # silence, or what no server may send


def tell(port: int, told: Conversation, expected: Expected) -> Heard:
    """Until everything expected is here, or the end."""
    heard = Heard([], [], None)
    try:
        return _tell(port, told, expected, heard)
    except (AssertionError, TimeoutError) as error:
        return heard._replace(trouble=repr(error))


def _tell(port: int, told: Conversation, expected: Expected, so_far: Heard) -> Heard:
    pongs, messages, code, _ = so_far
    with closing_(Connection(port)) as wire:
        offer = [("Sec-WebSocket-Extensions", DEFLATE)] if told.deflates else []
        wire.send(head(*offer))
        assert wire.hear_answer().status == 101
        assert wire.hear()["type"] == "welcome"
        wire.send_until_end(*told.pieces)
        done = False
        while True:
            if (
                not done
                and not expected.codes
                and (len(pongs), len(messages))
                == (
                    len(expected.pongs),
                    len(expected.messages),
                )
            ):
                done = True
                wire.end_half()
            if (heard := wire.next()) is None:
                return Heard(pongs, messages, code)
            assert code is None, f"{heard} behind the close frame"
            if heard.opcode == CLOSE:
                code = heard.code or 1000
            elif heard.opcode == PONG:
                pongs.append(heard.payload)
            else:
                messages.append(_message(heard.text))


def _message(text: str) -> dict[str, Any]:
    message = dict(json.loads(text))
    message.pop("position", None)
    return message


def is_as_expected(heard: Heard, expected: Expected) -> bool:
    """All that had to come, or, where the end came, as much as had to come before it."""
    if heard.trouble or not all(map(_is, heard.messages, expected.messages)):
        return False
    if heard.code is None:
        complete = len(heard.messages) == len(expected.messages) and heard.pongs == expected.pongs
        return complete and not expected.codes
    codes, sure = expected.codes, len(expected.pongs)
    if expected.sure is not None:
        codes, sure = codes | EARLY, expected.sure
    return (
        heard.code in codes
        and len(heard.messages) <= len(expected.messages)
        and sure <= len(heard.pongs)
        and heard.pongs == expected.pongs[: len(heard.pongs)]
    )


def _is(message: dict[str, Any], right: str | None) -> bool:
    match right:
        case None:
            return True
        case "pong":
            return message["type"] == "pong"
        case "bad-message":
            return message.get("code") == "bad-message"
        case topic:
            return message.get("refused") == [{"topic": topic, "code": "unknown"}]


def test_conversations_by_chance(suite_edge: Edge):
    """What the model leaves open is how early a message is found to be none."""
    with quiet(suite_edge):
        for seed in seeds():
            told = conversation(seed)
            try:
                expected = Server(told.deflates).read(told.sent)
            except Undecided:
                continue
            if 4029 in expected.codes:  # whether it was too fast is a matter of time
                continue
            heard = tell(suite_edge.port, told, expected)
            assert is_as_expected(heard, expected), explain(told, expected, heard)


def explain(told: Conversation, expected: Expected, heard: Heard) -> str:
    said = "\n".join(f"  {each[:60].hex(' ')}{' …' if len(each) > 60 else ''}" for each in told.pieces)
    return (
        f"{told.sort}{', deflate' if told.deflates else ''}: FUZZ_SEED={told.seed} tells it again\n"
        f"said:\n{said}\nexpected: {expected}\nheard: {heard}"
    )


def test_handshakes_by_chance(suite_edge: Edge):
    """What is right opens, and nothing else. An origin that is none may be refused, or told so."""
    with quiet(suite_edge):
        for seed in seeds():
            sent = handshake(seed)
            with closing_(Connection(suite_edge.port)) as wire:
                wire.send_until_end(*sent)
                if b"\r\n\r\n" not in b"".join(sent):
                    wire.end_half()
                try:
                    became = outcome(wire)
                except (AssertionError, TimeoutError) as error:
                    became = repr(error)
            about = f"FUZZ_SEED={seed}: {became} of {sent}"
            assert became in ("open", "origin", "refused", "cut", "page"), about
            assert (became in ("open", "origin")) == may_open(b"".join(sent)), about
