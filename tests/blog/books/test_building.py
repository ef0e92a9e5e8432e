"""The button that has a worker build an edition."""

import pytest
from django.test import Client

from blog.models import Book, User
from realtime.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(db: None) -> Book:
    return Book.objects.create(title="Harbour")


def test_the_desk_has_a_book_built_and_sees_the_job(ada: User, book: Book, browser_of) -> None:
    browser = browser_of(ada)
    assert browser.get(book.get_absolute_url()).context["can_build"]
    response = browser.post(f"/book/{book.pk}/build/")
    assert response["Location"] == book.get_absolute_url()
    job = Task.objects.get()
    assert (job.name, job.about, job.by, job.args) == ("blog.tasks.build_epub", f"book.{book.pk}", ada.pk, [book.pk])
    for address in (book.get_absolute_url(), "/desk/"):
        assert [task.id for task in browser.get(address).context["jobs"]] == [str(job.pk)]


def test_a_book_is_built_once_at_a_time_and_again_when_that_is_done(ada: User, book: Book, browser_of) -> None:
    browser = browser_of(ada)
    for _ in range(2):
        browser.post(f"/book/{book.pk}/build/")
    job = Task.objects.get()
    Task.objects.update(state=Task.State.FAILURE)
    browser.post(f"/book/{book.pk}/build/")
    assert Task.objects.exclude(pk=job.pk).count() == 1


def test_readers_neither_build_nor_see_jobs(client: Client, ada: User, cleo: User, book: Book, browser_of) -> None:
    browser_of(ada).post(f"/book/{book.pk}/build/")
    for browser in (client, browser_of(cleo)):
        context = browser.get(book.get_absolute_url()).context
        assert (context["jobs"], context["can_build"]) == ([], False)
    assert browser_of(cleo).post(f"/book/{book.pk}/build/").status_code == 403
    assert client.post(f"/book/{book.pk}/build/").status_code == 302
    assert Task.objects.count() == 1


@pytest.mark.parametrize("state", ["draft", "withdrawn"])
def test_only_public_books_are_built(ada: User, book: Book, browser_of, state: str) -> None:
    Book.objects.update(state=state)
    assert browser_of(ada).post(f"/book/{book.pk}/build/").status_code == 404
    assert not Task.objects.exists()


def test_a_withdrawn_book_is_gone(client: Client, book: Book) -> None:
    Book.objects.update(state="withdrawn")
    response = client.get(book.get_absolute_url())
    assert response.status_code == 410
    assert "Harbour" not in response.content.decode()
