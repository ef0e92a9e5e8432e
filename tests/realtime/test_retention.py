"""Trimming the log and jobs, and the reset of readers who come back from before."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_celery_results.models import TaskResult

from realtime import log, retention
from realtime.log import LogConnection
from realtime.models import Key, Task
from realtime.position import MAX_OFFSET

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now()
EVER = NOW - timedelta(days=10_000)
MANY = 10_000


def written(number: int, days_ago: float = 0) -> None:
    """Inserts this number of events of this age, each at its offset."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO realtime_pending (kind, key, topics, data, time)"
            " SELECT 'tag.updated', 'tag.t', '{site}', '{}', %s FROM generate_series(1, %s)",
            [NOW - timedelta(days=days_ago), number],
        )
    looking = LogConnection()
    looking.advance_and_read(MAX_OFFSET)
    looking.close()


def kept() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute('SELECT "offset" FROM realtime_event ORDER BY 1')
        return [offset for (offset,) in cursor.fetchall()]


def trimmed() -> int:
    looking = LogConnection()
    try:
        return looking.advance_and_read(MAX_OFFSET).trimmed
    finally:
        looking.close()


@pytest.fixture
def head(db: None, transactional_db: None) -> int:
    """Returns the head of the log: offsets go on from test to test."""
    retention.trim_log(NOW + timedelta(days=1), MANY)
    return log.position().offset


def test_what_is_too_old_goes(head: int):
    for days in (9, 8, 6, 1):
        written(1, days)
    assert retention.trim_log(NOW - timedelta(days=7), MANY) == 2
    assert kept() == [head + 3, head + 4]
    assert trimmed() == head + 2


def test_what_is_too_much_goes(head: int):
    written(10)
    assert retention.trim_log(EVER, rows=4) == 6
    assert kept() == list(range(head + 7, head + 11))
    assert trimmed() == head + 6
    assert retention.trim_log(EVER, rows=4) == 0


def test_an_event_that_was_committed_late_keeps_what_follows_it(head: int):
    for days in (9, 1, 9, 1):
        written(1, days)
    retention.trim_log(NOW - timedelta(days=7), MANY)
    assert kept() == [head + 2, head + 3, head + 4]


def test_it_goes_in_batches_and_says_so_before(head: int, monkeypatch: pytest.MonkeyPatch):
    """Between two batches `trimmed` covers all that is gone."""
    monkeypatch.setattr(retention, "MAX_BATCH_ROWS", 4)
    written(10, days_ago=9)
    rounds, batch = [], retention._batch

    def seen(last: int) -> int:
        gone = batch(last)
        rounds.append((gone, trimmed() - head, len(kept())))
        return gone

    monkeypatch.setattr(retention, "_batch", seen)
    retention.trim_log(NOW - timedelta(days=7), MANY)
    assert rounds == [(4, 4, 6), (4, 8, 2), (2, 10, 0), (0, 10, 0)]


def test_an_empty_log_is_left_alone(head: int):
    assert retention.trim_log(NOW, 0) == 0
    assert log.position().offset == head


def test_finished_jobs_go_and_running_ones_stay():
    old, new = NOW - timedelta(days=31), NOW - timedelta(days=29)
    gone = Task.objects.create(name="bind", state="SUCCESS", finished=old)
    stay = [
        Task.objects.create(name="bind", state="FAILURE", finished=new),
        Task.objects.create(name="bind", state="STARTED", started=old),
    ]
    for task in (gone, *stay):
        Key.objects.create(key=f"task.{task.pk}", version=3)
        TaskResult.objects.create(task_id=str(task.pk))
    TaskResult.objects.filter(task_id=str(gone.pk)).update(date_done=old)
    said = StringIO()
    call_command("trim", stdout=said)
    assert said.getvalue().strip().endswith("events, 1 jobs and 1 results.")
    assert {task.pk for task in Task.objects.all()} == {task.pk for task in stay}
    assert not Key.objects.filter(key=f"task.{gone.pk}").exists()
    assert TaskResult.objects.count() == Key.objects.filter(key__startswith="task.").count() == 2


class TestNewEpoch:
    def test_it_says_where_the_log_was_and_is(self):
        before, said = log.position(), StringIO()
        call_command("new_epoch", stdout=said)
        after = log.position()
        assert after.epoch != before.epoch
        assert after.offset == before.offset
        assert f"was at {before} and is now at {after}." in said.getvalue()

    def test_a_head_behind_its_events_is_put_right(self, head: int):
        """Only one of two tables was restored: the next event needs a place that is free."""
        written(3)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE realtime_log SET head = head - 2")
        call_command("new_epoch", stdout=StringIO())
        written(1)
        assert kept() == [head + 1, head + 2, head + 3, head + 4]

    def test_a_lost_row_is_made_again_at_its_place(self, head: int):
        written(3)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM realtime_log")
            log.begin(cursor)
        assert log.position().offset == head + 3
