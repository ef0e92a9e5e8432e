"""The contract on every transport, and the resets that only a log of our own can be brought to."""

import re
from collections.abc import Callable
from contextlib import closing

import pytest
from django.db import connection

from realtime import log
from tests.conformance import checks, http_checks  # noqa: F401, the latter registers its checks
from tests.conformance.checks import CHECKS, EVERY, Check, Trial, expect_reset
from tests.conformance.conftest import PASSWORD
from tests.conformance.site import Site, Writer
from tests.consumers.conftest import Edge
from tests.consumers.raw import Raw, write_to
from tests.consumers.written import fill

RUNS = [pytest.param(check, name, id=f"{name}: {check.sentence}") for check in CHECKS for name in check.transports]


@pytest.mark.parametrize(("check", "transport"), RUNS)
def test_contract(check: Check, transport: str, writer: Writer):
    check(writer, transport)


# what an outlet writes: all that is told, and not how HTTP is spoken
TOLD = [run for run in RUNS if run.values[1] != "log" and run.values[0].run.__module__ == checks.__name__]


@pytest.mark.parametrize(("check", "transport"), TOLD)
def test_contract_over_send(check: Check, transport: str, other_writer: Writer):
    """The same order and the same guarantees where every frame goes through ASGI's `send`."""
    check(other_writer, transport)


def test_a_reader_who_takes_nothing_is_let_go_over_send(uvicorn: Edge):
    """And neither keeps another waiting nor leaves an exception in the log."""
    healthy = uvicorn.connect()
    with closing(healthy), closing(Raw(uvicorn, small=True)) as raw:
        raw.follow("tag.unread", healthy)
        before, written = cut(uvicorn), 0
        while cut(uvicorn) == before:
            assert written < 100, "10 MB, and it is still there"
            write_to("tag.unread", healthy)
            written += 1
        assert healthy.pong()


def cut(edge: Edge) -> int:
    return int(re.search(r"^stop_press_cut_total\S* (\d+)\.0$", Site(edge.origin).get("/metrics"), re.MULTILINE)[1])


@pytest.fixture(scope="module")
def late(writer: Writer, start_edge: Callable[..., Edge]) -> tuple[Writer, str]:
    """On an edge that was started after all this, and has to read it in the log; and where it all began."""
    since = str(log.position())
    fill(5001, f"tag.{writer.tag}")
    fill(1000, "tag.after")  # these the edge reads back when it starts
    late = Writer(Site(start_edge().origin))
    late.begin("ada", PASSWORD)
    late.tag = writer.tag
    return late, since


@pytest.mark.parametrize("transport", EVERY)
def test_more_than_a_recovery_may_read_is_reset(late: tuple[Writer, str], transport: str):
    writer, since = late
    trial = Trial(writer, transport)
    expect_reset(trial, since, "too-many", [5000])
    trial.end()


@pytest.mark.parametrize("transport", EVERY)
def test_what_the_log_does_not_hold_any_more_is_reset(late: tuple[Writer, str], transport: str):
    writer, since = late
    with connection.cursor() as cursor:
        cursor.execute("UPDATE realtime_log SET trimmed = %s", [int(since.rpartition("-")[2]) + 10])
    trial = Trial(writer, transport)
    expect_reset(trial, since, "trimmed", range(4900, 5001))
    trial.end()
