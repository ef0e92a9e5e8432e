"""Builds an edition: a book's published chapters in one file, and the row that offers it.

The file is made aside and renamed when it is whole, in the transaction that writes the row and
publishes the book's event. Until then readers download the edition before.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from blog.books.epub import Binding, bind
from blog.models import Book, Edition, Post, Publication
from blog.state import book_states, post_states
from realtime.jobs.state_machine import TaskError

KEPT_EDITIONS = 3  # so that a download of an earlier one may end
BUILD_LOCK_TIMEOUT = "10s"  # for another build of the same book to end; few take a second
MAX_SLUG_BYTES = 120  # in a file name, which may have 255 bytes

ReportProgress = Callable[[int, str], None]  # percent, step


@dataclass(frozen=True)
class BuiltEdition:
    """An edition that was built; the result of its job."""

    number: int
    url: str


def build(book_id: int, report: ReportProgress) -> BuiltEdition:
    """Builds the next edition of a book, calling `report(percent, step)`; raises TaskError where it cannot be built."""
    with _build_lock(book_id):
        book = Book.objects.filter(pk=book_id, state=Book.State.PUBLISHED)
        if not book:
            raise TaskError("This book is not on the shelf: it was deleted, withdrawn or never published.")
        chapters = _chapters(book_id)
        if not chapters:
            raise TaskError("This book has no published chapters yet.")
        number = _last_number(book_id) + 1
        with _file_aside(book_id) as path:
            _write(path, book, chapters, number, report)
            return _shelve(path, book_id, [chapter.pk for chapter in chapters], number)


def _chapters(book_id: int) -> "QuerySet[Post]":
    return Post.objects.public().filter(book=book_id).order_by(F("chapter").asc(nulls_last=True), "pk")


def _last_number(book_id: int) -> int:
    return Edition.objects.filter(book=book_id).aggregate(last=Max("number"))["last"] or 0


@contextmanager
def _build_lock(book_id: int) -> Iterator[None]:
    """Holds the lock of the book's builds. It is the connection's: a worker that is killed releases it."""
    name = f"edition of book.{book_id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [BUILD_LOCK_TIMEOUT])
        try:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
        except OperationalError as error:
            raise TaskError("Another edition of this book is being built. Try again when it is done.") from error
        finally:
            cursor.execute("RESET lock_timeout")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


@contextmanager
def _file_aside(book_id: int) -> Iterator[Path]:
    """Yields a file beside the editions, removed in the end unless it was renamed; removes those of killed workers."""
    folder = Path(default_storage.path(f"editions/{book_id}"))
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*.part"):
        left.unlink()
    with NamedTemporaryFile(dir=folder, prefix=".", suffix=".part", delete=False) as file:
        path = Path(file.name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, book: "QuerySet[Book]", chapters: "QuerySet[Post]", number: int, report: ReportProgress) -> None:
    publication = Publication.objects.filter(pk=1).first() or Publication()
    binding = Binding(
        number=number,
        modified=timezone.now(),
        language=publication.language,
        publisher=publication.title,
        site=settings.PUBLIC_URL,
        cover=_cover(book[0]),
    )
    with path.open("wb") as file:
        bind(file, book_states(book)[0], post_states(chapters), binding, lambda n, of: report(*_step(n, of)))
        file.flush()
        os.fsync(file.fileno())
    path.chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o644)


def _step(chapter: int, of: int) -> tuple[int, str]:
    return chapter * 95 // of, f"chapter {chapter} of {of}"


def _cover(book: Book) -> bytes:
    if not book.cover:
        return b""
    try:
        with book.cover.open("rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return b""


def _shelve(path: Path, book_id: int, chapters: list[Any], number: int) -> BuiltEdition:
    """Renames the file into its place and writes the edition's row, under the book's lock."""
    with transaction.atomic():
        book = Book.objects.select_for_update(no_key=True).filter(pk=book_id).first()
        if book is None or _last_number(book_id) + 1 != number:
            raise TaskError("The book was changed by somebody while it was being built. Build it again.")
        if Post.objects.public().filter(pk__in=chapters, book=book_id).count() != len(chapters):
            raise TaskError("A chapter was withdrawn while the book was being built. Build it again.")
        name = f"editions/{book_id}/{_short(book.slug)}-{number}.epub"
        path.replace(default_storage.path(name))
        edition = Edition.objects.create(book=book, number=number, file=name)
        for old in Edition.objects.filter(book=book).order_by("-number")[KEPT_EDITIONS:]:
            old.delete()
            transaction.on_commit(partial(default_storage.delete, str(old.file.name)))
    return BuiltEdition(number, edition.file.url)


def _short(slug: str) -> str:
    return slug.encode()[:MAX_SLUG_BYTES].decode(errors="ignore")
