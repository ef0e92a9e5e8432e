"""Those who begin and do not go on. They were begun with the suite, so that nobody has to wait for them here."""

import contextlib
import time

import pytest

from tests.consumers.conftest import Edge
from tests.rfc6455.conftest import HALF_HEADS, Lingering, quiet
from tests.rfc6455.frames import CLOSE
from tests.rfc6455.wire import SOON


@pytest.mark.parametrize("name", HALF_HEADS)
def test_a_head_has_its_time(lingering: Lingering, name: str):
    """Whatever drips in from now on."""
    wire = lingering[name]
    wire.socket.settimeout(0.05)
    end = time.monotonic() + SOON
    while not wire.ended:
        assert time.monotonic() < end
        with contextlib.suppress(TimeoutError, ConnectionError):
            wire.socket.sendall(b"x")
            wire.more()


def test_who_does_not_answer_a_close_is_not_waited_for(suite_edge: Edge, lingering: Lingering):
    wire = lingering["close"]
    with quiet(suite_edge):
        heard = wire.next()
        assert heard is not None
        assert (heard.opcode, heard.code) == (CLOSE, 4503)
        assert wire.is_over()
