"""The contract on every transport of every server, and the resets that only a log of our own can be brought to."""

from collections.abc import Callable

import pytest
from django.db import connection

from blog.models import User
from realtime import log
from tests.conformance import http_checks  # noqa: F401, it registers its checks
from tests.conformance.checks import CHECKS, EVERY, Check, Trial, expect_reset
from tests.conformance.conftest import signed_in
from tests.conformance.site import Writer
from tests.consumers.conftest import Edge
from tests.consumers.written import fill

RUNS = [pytest.param(check, name, id=f"{name}: {check.sentence}") for check in CHECKS for name in check.transports]


@pytest.mark.parametrize(("check", "transport"), RUNS)
def test_contract(check: Check, transport: str, writer: Writer):
    check(writer, transport)


@pytest.fixture(scope="module")
def late(ada: User, start_edge: Callable[..., Edge]) -> tuple[Writer, str]:
    """On an edge that was started after all this, and has to read it in the log; and where it all began."""
    since = str(log.position())
    fill(5001, "tag.late")
    fill(1000, "tag.after")  # these the edge reads back when it starts
    late = signed_in(start_edge())
    late.tag = "late"
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
