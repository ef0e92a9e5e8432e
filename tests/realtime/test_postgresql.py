"""The contract between our database wrapper and Django's own, to be kept by each Django release."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import TestCase

from blog.models import Author, Publication
from realtime import publish
from realtime.errors import NotInTransaction, NotRegistered
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)


class Trouble(Exception):
    pass


def test_the_driver_is_psycopg2():
    assert connection.Database.__name__ == "psycopg2"


def test_a_mark_is_written_in_the_transaction_that_made_it():
    with captured_events() as events, transaction.atomic():
        author = Author.objects.create(name="Ada")
        assert count("realtime_pending") == 0
    assert events.kinds() == ["author.updated"]
    assert events[0].key == f"author.{author.pk}"


def test_a_rolled_back_change_is_never_announced():
    with captured_events() as events:
        with pytest.raises(Trouble), transaction.atomic():
            Author.objects.create(name="Ada")
            raise Trouble
    assert events == []


def test_what_a_savepoint_rolls_back_is_forgotten():
    with captured_events() as events, transaction.atomic():
        kept = Author.objects.create(name="Ada")
        with pytest.raises(Trouble), transaction.atomic():
            Author.objects.create(name="Nobody")
            raise Trouble
    assert [event.key for event in events] == [f"author.{kept.pk}"]


def test_publish_outside_a_transaction_is_refused():
    with pytest.raises(NotInTransaction):
        publish.publish("author.updated", "author.1")


def test_a_key_that_nobody_registered_is_refused():
    with pytest.raises(NotRegistered), transaction.atomic():
        publish.publish("poet.updated", "poet.1")


@pytest.mark.parametrize("error", [Trouble, DatabaseError, KeyboardInterrupt])
def test_where_announcing_fails_the_change_goes_with_it(error, monkeypatch):
    def fail(*args):
        raise error

    with captured_events() as events:
        with monkeypatch.context() as patched:
            patched.setattr(publish, "insert", fail)
            with pytest.raises(error):
                Publication(title="The Fog Horn").save()
        # the connection is usable, and nothing is left over for the next commit
        Author.objects.create(name="Ben")
    assert not Publication.objects.exists()
    assert events.kinds() == ["author.updated"]


def test_blocks_that_testcase_opens_do_not_count():
    class Case(TestCase):
        def runTest(self):
            assert connection.in_atomic_block
            assert not publish.in_transaction()
            with transaction.atomic():
                assert publish.in_transaction()

    Case.setUpClass()
    try:
        Case().debug()
    finally:
        Case.tearDownClass()


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]
