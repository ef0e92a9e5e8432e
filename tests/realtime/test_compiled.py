"""The contract between compiled questions and Django's compiler, to be kept by each Django release."""

from collections import namedtuple

import pytest
from django.db import NotSupportedError, connection
from django.test.utils import CaptureQueriesContext

from blog.models import Author, Tag
from realtime.compiled import AnyOf, Compiled
from realtime.models import Task

pytestmark = pytest.mark.django_db

Row = namedtuple("Row", "id name account state")


def authors(these: AnyOf):
    return Author.objects.filter(these, name__startswith="A%").values_list("pk", "name", "user__username", "user__pk")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_answer_is_the_querysets(count):
    ids = [Author.objects.create(name=name).pk for name in ("A%da", "Ben", "A%dam", "A%nna")][:count]
    wanted = Author.objects.filter(name__startswith="A%", pk__in=ids)
    for _ in range(2):
        rows = Compiled(Row, authors).rows(ids)
        assert sorted(rows) == [(author.pk, author.name, None, None) for author in wanted.order_by("pk")]
        assert all(isinstance(row, Row) for row in rows)


def test_it_is_made_once_and_asked_in_one_query_however_many_ids_there_are():
    made = []
    tags = Compiled(str, lambda these: made.append(these) or Tag.objects.filter(these).values_list("name"), of="slug")
    Tag.objects.bulk_create([Tag(name=f"{n}", slug=f"tag-{n}") for n in range(20)])
    assert made == []
    for count in (1, 20):
        with CaptureQueriesContext(connection) as seen:
            assert sorted(tags.rows(f"tag-{n}" for n in range(count))) == sorted(f"{n}" for n in range(count))
        assert len(seen) == 1
    assert len(made) == 1


def test_a_field_that_would_have_to_be_converted_is_refused():
    jobs = Compiled(Row, lambda these: Task.objects.filter(these).values_list("args"))
    with pytest.raises(NotSupportedError, match="convert"):
        jobs.rows([])
