"""What breaks under the edge, and that readers hardly notice."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection

import pytest
from django.db import connection, transaction

from tests.consumers.conftest import Edge, numbers
from tests.consumers.own_redis import Redis, a_redis
from tests.consumers.reader import Reader
from tests.consumers.server.test_timeouts import count
from tests.consumers.written import write
from tests.waiting import PATIENCE, promptly, until

SOON = 1.5  # seconds from commit to reader, whatever happens to the bell or the connection


def way_of(reader: Reader, ring: bool) -> float:
    """Seconds that an event takes to somebody who follows `site`, who hears it next."""
    key = f"tag.{next(numbers)}"
    started = time.monotonic()
    write((key, ["site"], []), ring=ring)
    assert reader.hear()["key"] == key
    return time.monotonic() - started


def test_valkey_killed(start_edge: Callable[..., Edge]):
    with a_redis() as redis:
        is_hardly_noticed(start_edge(REDIS_URL=redis.url), redis)


def is_hardly_noticed(edge: Edge, redis: Redis) -> None:
    with closing(edge.connect()) as cleo:
        cleo.subscribe("site")
        write(("tag.before", ["site"], []))
        assert cleo.hear()["key"] == "tag.before"
        redis.kill()
        promptly(SOON, lambda: way_of(cleo, ring=True))
        promptly(0.8, lambda: way_of(cleo, ring=True), tries=5)  # in doubt it reads more often than every second
    assert edge.said_nothing_of("ERROR")
    assert edge.said_nothing_of("Traceback")
    assert edge.stop() == 0


def test_a_bell_that_nobody_heard_costs_a_second(edge: Edge, cleo: Reader):
    cleo.subscribe("site")
    for _ in range(2):
        promptly(SOON, lambda: way_of(cleo, ring=False))


def test_its_connection_to_the_database_killed(edge: Edge, cleo: Reader):
    cleo.subscribe("site")

    def attempt() -> float:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'stop-press-log' AND datname = current_database()"
            )
            assert cursor.fetchone()[0] >= 1
        return way_of(cleo, ring=True)

    for _ in range(3):
        promptly(SOON, attempt)


def test_a_suspended_process_looks_again(edge: Edge, cleo: Reader):
    cleo.subscribe("site")
    edge.process.send_signal(signal.SIGSTOP)
    try:
        write(*[(f"tag.{number}", ["site"], []) for number in range(1500)])
    finally:
        edge.process.send_signal(signal.SIGCONT)
    assert [event["key"] for event in cleo.events(1500)] == [f"tag.{number}" for number in range(1500)]


def test_a_reader_who_does_not_read_is_let_go_and_delays_nobody(edge: Edge, cleo: Reader):
    with closing(edge.connect(max_queue=1, compression=None)) as stuck:
        for reader in (cleo, stuck):
            reader.subscribe("site")
        before = count(edge, "cut")
        for number in range(30):
            write((f"tag.{number}", ["site"], []), text="high tide " * 50_000)
            assert cleo.hear()["key"] == f"tag.{number}"
        until(lambda: count(edge, "cut") > before)


class SlowToLeave(Edge):
    """Whose few readers have as long as DRAIN_SECONDS to leave, and not a second."""

    def command(self, fd: int) -> list[str]:
        line = "import django; django.setup(); from consumers.server import drain; drain.MIN_WINDOW_SECONDS = 300.0"
        return ["-c", f"{line}; import manage; manage.run_django()", "edge", "--fd", str(fd)]


class TestSigterm:
    def test_readers_are_told_and_requests_finish(self, start_edge: Callable[..., Edge]):
        edge = start_edge()
        answers: list[int] = []

        with closing(edge.connect()) as cleo:
            cleo.subscribe("front")
            page = threading.Thread(target=ask, args=(edge.origin, answers))
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE realtime_log IN ACCESS EXCLUSIVE MODE")  # a page waits for it
                page.start()
                until(lambda: is_waited_for(cursor))
                edge.process.send_signal(signal.SIGTERM)
                assert cleo.hear() == {"type": "leaving", "reconnect_in": [0, 1000]}
                assert cleo.end() == (4012, "The server is restarting; come back and resume.")
            page.join(PATIENCE)
        assert answers == [200]
        assert edge.process.wait(PATIENCE) == 0
        assert edge.said_nothing_of("Traceback")

    def test_a_request_that_never_ends_does_not_keep_the_process(self, start_edge: Callable[..., Edge]):
        edge = start_edge()
        page = threading.Thread(target=ask_in_vain, args=(edge.origin,))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE realtime_log IN ACCESS EXCLUSIVE MODE")
            page.start()
            until(lambda: is_waited_for(cursor))
            assert edge.stop() == 0
        page.join(PATIENCE)

    def test_a_request_on_an_old_connection_is_answered_and_is_its_last(self, start_edge: Callable[..., Edge]):
        edge = start_edge(kind=SlowToLeave, DRAIN_SECONDS="300")
        with closing(HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE)) as page, contextlib.ExitStack() as stack:
            readers = [stack.enter_context(closing(edge.connect())) for _ in range(5)]
            assert status(page) == 200
            edge.process.send_signal(signal.SIGTERM)
            assert readers[0].hear() == {"type": "leaving", "reconnect_in": [0, 300_000]}
            kept = page.sock
            assert status(page) == 200
            assert page.sock is kept
            assert kept.recv(1) == b"", "the next one is another process's, though this one is still there"
            edge.process.send_signal(signal.SIGTERM)  # and now at once, before the five minutes are over
            assert {reader.end()[0] for reader in readers} == {4012}
        assert edge.process.wait(PATIENCE) == 0

    def test_readers_leave_one_after_another(self, start_edge: Callable[..., Edge]):
        edge = start_edge()
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(closing(edge.connect())) for _ in range(20)]
            edge.process.send_signal(signal.SIGTERM)
            assert {reader.end()[0] for reader in readers} == {4012}
        assert edge.process.wait(PATIENCE) == 0

    def test_new_ones_are_not_accepted(self, start_edge: Callable[..., Edge]):
        edge = start_edge()
        assert edge.stop() == 0
        with pytest.raises(ConnectionRefusedError):
            edge.connect()


def status(page: HTTPConnection) -> int:
    page.request("GET", "/live/ticket")
    answer = page.getresponse()
    answer.read()
    return answer.status


def ask(origin: str, answers: list[int]) -> None:
    with urllib.request.urlopen(origin + "/live/ticket") as answer:
        answers.append(answer.status)


def ask_in_vain(origin: str) -> None:
    with contextlib.suppress(OSError):
        ask(origin, [])


def is_waited_for(cursor) -> bool:
    """Whether some page reads the log's position; the tail, which locks its row, does not count."""
    cursor.execute(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'"
        " AND relation = 'realtime_log'::regclass"
    )
    return cursor.fetchone()[0] > 0


def test_a_taken_port_is_one_sentence(edge: Edge, child_environment: dict[str, str]):
    ended = subprocess.run(
        [sys.executable, "manage.py", "edge", "--port", str(edge.port)],
        env=child_environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert str(edge.port) in ended.stderr
