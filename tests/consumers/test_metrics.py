"""What an operator can measure: histograms of delivery, pages and jobs, beside the counters."""

import re
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from consumers.metrics import MAX_RUNNING_JOBS, Histogram, JobTimes
from consumers.timing import timed
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.consumers.written import write
from tests.waiting import until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def scrape(edge: Edge) -> str:
    with urllib.request.urlopen(f"{edge.origin}/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return answer.read().decode()


def value(text: str, name: str) -> float:
    (found,) = re.findall(rf"^{name}\{{[^}}]*\}} (\S+)$", text, re.MULTILINE)
    return float(found)


class TestHistogram:
    def test_a_duration_counts_in_the_first_bucket_that_holds_it(self):
        histogram = Histogram((0.1, 1))
        for seconds in (0.05, 0.1, 0.5, 30):
            histogram.observe(seconds)
        assert histogram.counts == [2, 1, 1]
        assert histogram.total == pytest.approx(30.65)

    def test_clocks_that_disagree_count_as_no_time(self):
        histogram = Histogram((0.1,))
        histogram.observe(-3)
        assert (histogram.counts, histogram.total) == ([1, 0], 0)


class TestJobTimes:
    @pytest.fixture
    def histogram(self) -> Histogram:
        return Histogram((1, 10))

    @pytest.mark.parametrize("end", ["task.succeeded", "task.failed", "task.revoked"])
    def test_from_the_start_to_the_end(self, histogram: Histogram, end: str):
        times = JobTimes(histogram)
        times.note("task.queued", "task.1", NOON)
        times.note("task.started", "task.1", NOON)
        times.note("task.progressed", "task.1", NOON + timedelta(seconds=2))
        times.note(end, "task.1", NOON + timedelta(seconds=5))
        times.note(end, "task.1", NOON + timedelta(seconds=9))
        assert (histogram.counts, histogram.total) == ([0, 1, 0], 5.0)

    def test_a_job_whose_start_was_not_heard_has_no_time(self, histogram: Histogram):
        JobTimes(histogram).note("task.succeeded", "task.1", NOON)
        assert sum(histogram.counts) == 0

    def test_jobs_that_never_end_are_forgotten(self, histogram: Histogram):
        times = JobTimes(histogram)
        for number in range(MAX_RUNNING_JOBS + 1):
            times.note("task.started", f"task.{number}", NOON)
        times.note("task.succeeded", "task.0", NOON)
        assert sum(histogram.counts) == 0
        times.note("task.succeeded", "task.1", NOON)
        assert sum(histogram.counts) == 1


async def test_a_page_is_timed_to_the_begin_of_its_answer_once(monkeypatch: pytest.MonkeyPatch):
    histogram = Histogram((60,))
    monkeypatch.setattr("consumers.timing.page_seconds", histogram)
    sent = []

    async def page(scope: dict, receive: object, send) -> None:
        await send({"type": "http.response.start"})
        assert histogram.counts == [1, 0]
        await send({"type": "http.response.body"})

    async def send(message: dict) -> None:
        sent.append(message["type"])

    await timed(page)({}, None, send)
    assert sent == ["http.response.start", "http.response.body"]
    assert histogram.counts == [1, 0]


def test_what_was_delivered_and_what_pages_took_can_be_scraped(edge: Edge, cleo: Reader, topic: str):
    cleo.subscribe(topic)
    before = scrape(edge)
    write((f"tag.{topic}", [topic], []))
    cleo.events(1)
    urllib.request.urlopen(f"{edge.origin}/sign-in/").close()

    def counted() -> bool:
        after = scrape(edge)
        names = ("stop_press_delivery_seconds_count", "stop_press_page_seconds_count")
        return all(value(after, name) == value(before, name) + 1 for name in names)

    until(counted)


def test_every_metric_has_its_help_and_the_process(edge: Edge):
    text = scrape(edge)
    names = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    assert {"process_resident_memory_bytes", "python_gc_collections_total", "stop_press_job_seconds"} <= names
    assert names == set(re.findall(r"^# HELP (\S+) \S", text, re.MULTILINE))
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if f'process="{edge.process.pid}"' not in line] == []
