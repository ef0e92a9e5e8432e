"""Editions: built aside, renamed when whole, numbered once, also where workers are killed; and posts that are due."""

import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from blog.books import editions
from blog.models import Author, Book, Edition, Post
from blog.tasks import build_epub, publish_due
from realtime.jobs.state_machine import State, TaskError, enqueue
from tests.cast import a_post, posts
from tests.realtime.jobs.workers import Worker, WorkerGroup, refreshed, until_done, until_state
from tests.tail import captured_events
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media(settings) -> Path:
    """Where the editions are: what earlier tests left is gone."""
    folder = Path(settings.MEDIA_ROOT, "editions")
    for file in folder.glob("*/*"):
        file.unlink()
    for file in folder.glob("*/.*"):
        file.unlink()
    return folder


@pytest.fixture
def book(ada) -> Book:
    book = Book.objects.create(title="바다의 책")
    book.authors.add(Author.objects.create(name="Ada"))
    for number in range(1, 31):
        a_post(ada, f"Chapter {number}", book=book, chapter=number)
    return book


def build(book: Book) -> editions.BuiltEdition:
    return editions.build(book.pk, lambda percent, step: None)


def files(media: Path) -> list[str]:
    return sorted(file.name for file in media.glob("*/*"))


def together(*steps: Callable[[], object]) -> list[object]:
    """Runs the steps at once, each on a connection of its own; what they returned, in order."""
    results: list[object] = [None] * len(steps)
    start = threading.Barrier(len(steps))

    def run(place: int) -> None:
        start.wait()
        try:
            results[place] = steps[place]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_an_edition_is_announced_with_the_book(book, media):
    with captured_events() as events:
        made = build(book)
    assert events.kinds() == ["book.updated"]
    assert events.data("book.updated")["edition"]["number"] == 1
    assert events.data("book.updated")["edition"]["url"] == made.url
    assert files(media) == ["바다의-책-1.epub"]
    assert oct(next(media.glob("*/*.epub")).stat().st_mode)[-3:] == "644"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: Post.objects.update(state="draft"), "This book has no published chapters yet."),
        (lambda: Book.objects.update(state="withdrawn"), "This book is not on the shelf"),
        (lambda: Book.objects.all().delete(), "This book is not on the shelf"),
    ],
)
def test_what_cannot_be_built_says_why(book, media, change, sentence):
    change()
    with captured_events() as events, pytest.raises(TaskError, match=sentence):
        build(book)
    assert (events, files(media), Edition.objects.count()) == ([], [], 0)


def test_a_chapter_withdrawn_meanwhile_is_in_no_edition(book, media):
    with pytest.raises(TaskError, match="A chapter was withdrawn"):
        editions.build(book.pk, lambda percent, step: Post.objects.filter(chapter=3).first().withdraw())
    assert (files(media), Edition.objects.count()) == ([], 0)


def test_a_build_that_breaks_leaves_nothing(book, media):
    def breaks(percent: int, step: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        editions.build(book.pk, breaks)
    assert list(media.glob("*/.*")) + list(media.glob("*/*")) == []


def test_what_a_killed_build_left_is_cleared_away(book, media):
    folder = media / str(book.pk)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".left.part").write_bytes(b"half")
    build(book)
    assert [file.name for file in folder.iterdir()] == ["바다의-책-1.epub"]


def test_the_last_three_editions_are_kept(book, media):
    for _ in range(5):
        build(book)
    assert list(Edition.objects.values_list("number", flat=True)) == [5, 4, 3]
    assert files(media) == [f"바다의-책-{number}.epub" for number in (3, 4, 5)]


def test_two_builds_at_once_make_two_editions(book, media):
    made = together(lambda: build(book), lambda: build(book))
    assert sorted(one.number for one in made) == [1, 2]
    for file in media.glob("*/*.epub"):
        assert zipfile.ZipFile(file).testzip() is None


def test_a_build_that_waits_too_long_says_so(book, monkeypatch):
    monkeypatch.setattr(editions, "BUILD_LOCK_TIMEOUT", "50ms")

    def second(percent: int, step: str) -> None:
        def refused() -> None:
            with pytest.raises(TaskError, match="is being built"):
                build(book)

        together(refused)

    assert editions.build(book.pk, second).number == 1


def test_what_is_due_is_published_once_by_however_many(ada):
    soon = timezone.now() - timedelta(seconds=1)
    posts(ada, 20, state="scheduled")
    Post.objects.update(published_date=soon)
    later = a_post(ada, "Later", state="scheduled", published_date=timezone.now() + timedelta(hours=1))
    with captured_events() as events:
        done = together(*[publish_due] * 4)
    assert sum(done) == 20
    assert events.kinds().count("post.published") == 20
    assert set(Post.objects.exclude(pk=later.pk).values_list("state", "published_date")) == {("published", soon)}
    later.refresh_from_db()
    assert later.state == "scheduled"


def test_one_post_that_cannot_be_published_does_not_keep_the_others(ada, monkeypatch):
    for title in ("fine", "broken", "fine too"):
        a_post(ada, title, state="scheduled")
    publish = Post.publish

    def breaks(post: Post) -> None:
        if post.title == "broken":
            raise ZeroDivisionError
        publish(post)

    monkeypatch.setattr(Post, "publish", breaks)
    with pytest.raises(ExceptionGroup):
        publish_due()
    assert sorted(Post.objects.filter(state="published").values_list("title", flat=True)) == ["fine", "fine too"]


@pytest.fixture(scope="module")
def worker_group(child_environment, tmp_path_factory) -> Iterator[WorkerGroup]:
    worker_group = WorkerGroup(child_environment, tmp_path_factory.mktemp("workers"))
    yield worker_group
    worker_group.stop_all()


@pytest.fixture
def worker(transactional_db, worker_group) -> Iterator[Worker]:
    yield worker_group.find("binder") or worker_group.start("binder")
    worker_group.wait_until_idle()


def test_a_worker_builds_an_edition_and_tells_how_far_it_is(book, worker):
    with captured_events() as events:
        row = until_done(enqueue(build_epub, book.pk, about=f"book.{book.pk}", by=7), seconds=120)
    assert (row.state, row.percent, row.error) == (State.SUCCESS, 100, "")
    edition = book.editions.get()
    assert row.result == {"number": 1, "url": edition.file.url}
    data = [msgspec.json.decode(event.data) for event in events if event.kind == "task.progressed"]
    assert data[11]["step"] == "chapter 12 of 30"
    assert [one["percent"] for one in data] == sorted(one["percent"] for one in data)
    assert events.kinds()[:2] == ["task.queued", "task.started"]
    assert events.kinds()[-2:] == ["book.updated", "task.succeeded"]


def test_a_build_whose_child_is_killed_is_built_again(book, worker, ada):
    posts(ada, 400, book=book)
    with captured_events() as events:
        row = until_state(enqueue(build_epub, book.pk), State.PROGRESS)
        worker.kill_child()
        until(lambda: refreshed(row).attempts == 2)
        until_done(row, seconds=120)
    assert (row.state, row.attempts) == (State.SUCCESS, 2)
    assert events.kinds().count("task.retried") == 1
    assert list(book.editions.values_list("number", flat=True)) == [1]


def test_a_worker_publishes_what_is_due(ada, worker):
    post = a_post(ada, state="scheduled")
    with captured_events() as events:
        publish_due.delay()
        until(lambda: Post.objects.filter(pk=post.pk, state="published").exists())
    assert "post.published" in events.kinds()
    assert post.revisions.count() == 1
