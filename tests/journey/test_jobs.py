"""A job, from the button to every page that shows it: a real worker, a real browser."""

import zipfile
from collections.abc import Iterator
from io import BytesIO

import pytest
from playwright.sync_api import expect

from blog.models import Author, Book, User
from tests import cast
from tests.realtime.jobs.workers import WorkerGroup

pytestmark = pytest.mark.usefixtures("database")


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
