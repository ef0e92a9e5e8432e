"""A job, from the button to every page that shows it: a real worker, a real browser."""

import zipfile
from collections.abc import Iterator
from io import BytesIO

import pytest
from django.db import transaction
from playwright.sync_api import expect

from blog.models import Author, Book, User
from blog.tasks import build_epub
from realtime.jobs import state_machine
from realtime.kinds import all_kinds
from realtime.models import Task
from tests import cast
from tests.journey.law import converges
from tests.realtime.jobs.workers import WorkerGroup
from tests.tail import captured_events

pytestmark = pytest.mark.usefixtures("database")

# what becomes of a job, in an order that its state machine allows
LIFE = {
    "task.started": {"state": "STARTED"},
    "task.progressed": {"state": "PROGRESS", "percent": 40, "step": "chapter 12 of 30"},
    "task.retried": {"state": "RETRY"},
    "task.succeeded": {"state": "SUCCESS", "percent": 100},
}
ENDS = {
    "task.failed": {"state": "FAILURE", "error": "The book has no chapters."},
    "task.revoked": {"state": "REVOKED"},
}


@pytest.fixture
def book(ada: User) -> Book:
    book = Book.objects.create(title="The Harbour")
    book.authors.add(Author.objects.create(name="Ingrid"))
    for number in range(1, 6):
        cast.a_post(ada, f"Chapter {number}", book=book, chapter=number)
    return book


@pytest.fixture(scope="module")
def worker_group(database: None, child_environment, tmp_path_factory) -> Iterator[WorkerGroup]:
    worker_group = WorkerGroup(child_environment, tmp_path_factory.mktemp("workers"))
    yield worker_group
    worker_group.stop_all()


def queue(book: Book, ada: User) -> Task:
    return state_machine.enqueue(build_epub, book.pk, about=f"book.{book.pk}", by=ada.pk)


def test_every_step_of_a_job_shows_where_its_book_is_and_at_the_desk(open_page, book, ada):
    pages = [open_page("/desk/", ada), open_page(f"/book/{book.pk}/", ada)]
    with converges(*pages), captured_events() as events:
        row = queue(book, ada)
    assert events.kinds() == ["task.queued"]
    for kind, step in LIFE.items():
        with converges(*pages), captured_events() as events, transaction.atomic():
            state_machine.move(str(row.pk), **step)
        assert events.kinds() == [kind]


@pytest.mark.parametrize("kind", ENDS)
def test_a_job_that_does_not_succeed_says_so(open_page, book, ada, kind):
    pages = [open_page("/desk/", ada), open_page(f"/book/{book.pk}/", ada)]
    row = queue(book, ada)
    with converges(*pages), captured_events() as events, transaction.atomic():
        state_machine.move(str(row.pk), **ENDS[kind])
    assert events.kinds() == [kind]


def test_no_kind_is_forgotten():
    named = {"task.queued", *LIFE, *ENDS}
    assert {kind.name for kind in all_kinds() if kind.name.startswith("task.")} == named


def test_a_book_is_bound_from_the_button_to_the_link_on_every_page(open_page, book, ada, worker_group):
    worker_group.start("binder")
    cleos = open_page(f"/book/{book.pk}/")
    adas = open_page(f"/book/{book.pk}/", ada)
    adas.locator(f"form[action='/book/{book.pk}/build/'] button").click()
    expect(adas.locator(".jobs progress[value='100']")).to_have_count(1)
    link = cleos.locator("main a[href$='.epub']")
    expect(link).to_have_count(1)
    answer = cleos.request.get(link.get_attribute("href"))
    assert answer.headers["content-type"] == "application/epub+zip"
    assert zipfile.ZipFile(BytesIO(answer.body())).read("mimetype") == b"application/epub+zip"
