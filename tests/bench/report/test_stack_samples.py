"""Samples of stacks are counted by kind and by function."""

from pathlib import Path

from bench.report.stack_samples import REST, SEND, StackSamples, kind

LOOP = "_run_once (asyncio/base_events.py:1922);_run (asyncio/events.py:80)"
RECIPIENTS = Path(__file__).resolve().parents[3] / "consumers" / "delivery" / "recipients.py"


def line_that_sends() -> int:
    lines = enumerate(RECIPIENTS.read_text().splitlines(), 1)
    return next(number for number, text in lines if ":= socket.send(data)" in text)


def test_a_stack_is_of_the_kind_of_its_innermost_frame_that_has_one():
    assert kind([*LOOP.split(";"), "_turn (consumers/delivery/hub.py:3)", "dumps (json/__init__.py:8)"]).startswith(
        "the hub"
    )
    assert kind([*LOOP.split(";"), "request (twisted/web/http.py:3)"]).startswith("HTTP")
    assert kind(LOOP.split(";")).startswith("asyncio")
    assert kind(["<module> (manage.py:3)"]) == REST


def test_the_line_that_writes_to_sockets_is_told_from_what_surrounds_it():
    assert kind([*LOOP.split(";"), f"_send (consumers/delivery/recipients.py:{line_that_sends()})"]) == SEND
    assert kind([*LOOP.split(";"), "_send (consumers/delivery/recipients.py:1)"]).startswith("the hub")


def test_waiting_and_other_threads_are_no_samples_of_the_loop():
    raw = (
        f"{LOOP};_turn (consumers/delivery/hub.py:3) 6\n{LOOP} 2\n{LOOP};EpollSelector.select (selectors.py:468) 90\n"
        "Thread._bootstrap (threading.py:1002);look (realtime/log.py:9) 90"
    )
    found = StackSamples(raw)
    assert found.total == 8
    assert "| the hub: events, frames, audiences | 37.5% | 3.75 |" in list(found.by_kind(loop=0.5, each=10.0))
