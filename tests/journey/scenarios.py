"""What happens to the things that are live: for each step the pages that show it, the change, and what is told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

from django.db import transaction
from playwright.sync_api import Page

from blog.models import Author, Authorship, Book, Edition, Post, Publication, Tag, User
from blog.tasks import build_epub
from realtime.jobs import state_machine
from realtime.models import Task
from tests import cast
from tests.guestbook.models import Guest, Place, Visit


class Step(NamedTuple):
    """A change in the middle of a scenario. `kinds`: what it announces, in order."""

    kinds: list[str]
    pages: Sequence[Page]
    change: Callable[[], object]


@dataclass
class Stage:
    """What a scenario stands on: a browser, somebody who writes, and a book, a tag and a post of hers."""

    open_page: Callable[..., Page]
    ada: User

    def open(self, *paths: str) -> list[Page]:
        """Opens pages for somebody who has not signed in."""
        return [self.open_page(path) for path in paths]

    @cached_property
    def sea(self) -> Tag:
        return Tag.objects.get_or_create(name="Sea", slug="sea")[0]

    @cached_property
    def book(self) -> Book:
        book = Book.objects.create(title="The Harbour")
        book.authors.add(Author.objects.create(name="Ingrid"))
        return book

    @cached_property
    def post(self) -> Post:
        post = cast.a_post(self.ada, book=self.book, chapter=1, published_date=None)
        post.tags.add(self.sea)
        post.publish()
        return post

    def lists(self) -> list[str]:
        """Returns the pages that list the post."""
        return ["/", f"/author/{self.post.byline_id}/", "/tag/sea/", f"/book/{self.post.book_id}/"]

    def places(self) -> list[str]:
        """Returns every page that shows the post."""
        return [*self.lists(), f"/post/{self.post.pk}/"]


class Scenario(NamedTuple):
    """A test of the law. `kinds`: what it has to have announced by its end."""

    kinds: tuple[str, ...]
    play: Callable[[Stage], Iterator[Step]]


SCENARIOS: list[Scenario] = []


def proves(*kinds: str) -> Callable[[Callable[[Stage], Iterator[Step]]], Callable[[Stage], Iterator[Step]]]:
    """Makes a generator of steps a scenario for these kinds."""

    def register(play: Callable[[Stage], Iterator[Step]]) -> Callable[[Stage], Iterator[Step]]:
        SCENARIOS.append(Scenario(kinds, play))
        return play

    return register


def assign(row: object, **fields: object) -> Callable[[], object]:
    """Returns a change that saves a row with other values."""

    def save() -> None:
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()  # type: ignore[attr-defined]

    return save


@proves("post.published")
def a_post_is_published(stage: Stage) -> Iterator[Step]:
    with transaction.atomic():
        post = Post.objects.create(author=stage.ada, title="Fog", text="It *lifts*.", book=stage.book, chapter=2)
        post.tags.add(stage.sea)
    pages = stage.open("/", f"/author/{post.byline_id}/", "/tag/sea/", f"/book/{stage.book.pk}/")
    yield Step(["post.published", "desk.changed"], pages, post.publish)


@proves("post.updated")
def a_post_is_updated(stage: Stage) -> Iterator[Step]:
    change = assign(stage.post, title="The pier held", text="It held **again**.", urgent=True)
    yield Step(["post.updated"], stage.open(*stage.places()), change)


@proves("post.tags.changed")
def a_post_changes_its_tags(stage: Stage) -> Iterator[Step]:
    storm = Tag.objects.get_or_create(name="폭풍", slug="폭풍")[0]
    pages = stage.open(*stage.places(), "/tag/폭풍/")
    yield Step(["post.tags.changed"], pages, lambda: stage.post.tags.set([storm]))
    others = [page for page in pages if "/tag/sea/" not in page.url]
    yield Step(["post.tags.changed"], others, storm.posts.clear)


@proves("post.likes.changed")
def a_post_is_liked(stage: Stage) -> Iterator[Step]:
    pages = stage.open("/", f"/post/{stage.post.pk}/")
    yield Step(["post.likes.changed"], pages, lambda: stage.post.liked_by.add(stage.ada))


@proves("post.withdrawn", "post.restored")
def a_post_is_withdrawn_and_restored(stage: Stage) -> Iterator[Step]:
    pages, (own,) = stage.open(*stage.lists()), stage.open(f"/post/{stage.post.pk}/")
    yield Step(["post.withdrawn", "desk.changed"], pages, lambda: stage.post.withdraw("Wrong pier"))
    own.get_by_text("Wrong pier").wait_for()
    assert own.get_by_text("It held all night.").count() == 0
    yield Step(["post.restored", "desk.changed"], pages, stage.post.publish)
    own.get_by_text("It held all night.").wait_for()


@proves("post.withdrawn")
def a_post_is_deleted(stage: Stage) -> Iterator[Step]:
    yield Step(["post.withdrawn"], stage.open(*stage.lists()), stage.post.delete)


@proves("desk.changed")
def the_desk_follows_a_draft(stage: Stage) -> Iterator[Step]:
    pages = [stage.open_page("/desk/", stage.ada)]
    draft = Post(author=stage.ada, title="Fog", text="It lifts.")
    yield Step(["desk.changed"], pages, draft.save)
    for values in (
        {"title": "Fog again"},
        {"state": Post.State.SUBMITTED},
        {"state": Post.State.SCHEDULED, "published_date": cast.NOON},
    ):
        yield Step(["desk.changed"], pages, partial(Post.objects.filter(pk=draft.pk).update, **values))
    draft.refresh_from_db()
    yield Step(["post.published", "desk.changed"], pages, draft.publish)


@proves("book.published", "book.updated", "book.withdrawn", "book.restored")
def a_book_is_published_updated_withdrawn_and_restored(stage: Stage) -> Iterator[Step]:
    book = stage.book
    pages = stage.open("/books/", f"/author/{book.authors.get().pk}/")
    own = stage.open(f"/book/{book.pk}/")
    yield Step(["book.updated"], [*pages, *own], assign(book, title="The Long Harbour"))
    yield Step(["book.withdrawn"], pages, assign(book, state=Book.State.WITHDRAWN))
    restore = partial(Book.objects.filter(pk=book.pk).update, state=Book.State.PUBLISHED)
    yield Step(["book.restored"], pages, restore)
    yield Step(["book.published"], stage.open("/books/"), lambda: Book.objects.create(title="Another"))


@proves("book.authors.changed")
def a_book_changes_its_authors(stage: Stage) -> Iterator[Step]:
    joins = Author.objects.create(name="Olav")
    pages = stage.open("/books/", f"/book/{stage.book.pk}/", f"/author/{joins.pk}/")
    join = partial(stage.book.authors.add, joins, through_defaults={"contribution": "maps"})
    yield Step(["book.authors.changed"], pages, join)
    move = partial(Authorship.objects.filter(author=joins).update, order=0, contribution="charts")
    yield Step(["book.authors.changed"], pages[:2], move)
    yield Step(["book.authors.changed"], pages, joins.books.clear)


@proves("book.updated")
def a_book_has_a_new_edition(stage: Stage) -> Iterator[Step]:
    pages = stage.open("/books/", f"/book/{stage.book.pk}/")
    build = partial(Edition.objects.create, book=stage.book, number=1, file="editions/harbour-1.epub")
    yield Step(["book.updated"], pages, build)


@proves("author.updated")
def an_author_has_a_new_name(stage: Stage) -> Iterator[Step]:
    author = stage.post.byline
    assert author
    stage.book.authors.add(author)
    pages = stage.open(*stage.places(), "/books/")
    yield Step(["author.updated"], pages, assign(author, name=f"{author.name} L."))


@proves("tag.updated")
def a_tag_has_a_new_name(stage: Stage) -> Iterator[Step]:
    pages = stage.open("/", f"/post/{stage.post.pk}/", "/tag/sea/")
    yield Step(["tag.updated"], pages, partial(Tag.objects.filter(pk=stage.sea.pk).update, name="The sea"))
    stage.sea.save()


@proves("publication.updated")
def the_publication_has_a_new_title(stage: Stage) -> Iterator[Step]:
    named = Publication(title="The Fog Horn", standfirst="Loud.", summary="It is **foggy**.")
    yield Step(["publication.updated"], stage.open("/", "/books/"), named.save)


@proves("task.queued", "task.started", "task.progressed", "task.retried", "task.succeeded")
def a_job_shows_where_its_book_is_and_at_the_desk(stage: Stage) -> Iterator[Step]:
    book = stage.post.book
    assert book
    pages = [stage.open_page(path, stage.ada) for path in ("/desk/", f"/book/{book.pk}/")]
    yield Step(["task.queued"], pages, partial(queue, stage))
    for kind, fields in {
        "task.started": {"state": "STARTED"},
        "task.progressed": {"state": "PROGRESS", "percent": 40, "step": "chapter 12 of 30"},
        "task.retried": {"state": "RETRY"},
        "task.succeeded": {"state": "SUCCESS", "percent": 100},
    }.items():
        yield Step([kind], pages, partial(move, stage, **fields))


@proves("task.failed", "task.revoked")
def a_job_that_does_not_succeed_says_so(stage: Stage) -> Iterator[Step]:
    book = stage.post.book
    assert book
    pages = [stage.open_page(path, stage.ada) for path in ("/desk/", f"/book/{book.pk}/")]
    for kind, fields in {
        "task.failed": {"state": "FAILURE", "error": "The book has no chapters."},
        "task.revoked": {"state": "REVOKED"},
    }.items():
        queue(stage)
        yield Step([kind], pages, partial(move, stage, **fields))


def queue(stage: Stage) -> None:
    state_machine.enqueue(build_epub, stage.book.pk, about=f"book.{stage.book.pk}", by=stage.ada.pk)


def move(stage: Stage, **fields: object) -> None:
    """Moves the newest job of the book."""
    newest = Task.objects.filter(about=f"book.{stage.book.pk}").order_by("-queued")[0]
    with transaction.atomic():
        state_machine.move(str(newest.pk), **fields)


@proves("guest.published", "guest.updated", "guest.withdrawn", "guest.restored", "guest.places.changed")
def a_guest_signs_travels_and_leaves(stage: Stage) -> Iterator[Step]:
    pier, dune = (Place.objects.create(name=name) for name in ("Pier", "Dune"))
    pages, guest = stage.open("/guests/"), Guest(name="Ada")
    yield Step(["guest.published"], pages, guest.save)
    yield Step(["guest.updated"], pages, assign(guest, name="Ada & <b>Ben</b>"))
    yield Step(["guest.places.changed"], pages, lambda: guest.places.add(pier, dune))
    yield Step(["guest.places.changed"], pages, pier.guests.clear)
    yield Step(["guest.places.changed"], pages, Visit.objects.filter(guest=guest).delete)
    pk = guest.pk
    yield Step(["guest.withdrawn"], pages, guest.delete)
    yield Step(["guest.restored"], pages, Guest(pk=pk, name="Ada").save)


@proves("place.updated")
def a_place_has_a_new_name(stage: Stage) -> Iterator[Step]:
    pier = Place.objects.create(name="Pier")
    for name in ("Ada", "Ben"):
        pier.guests.add(Guest.objects.create(name=name))
    yield Step(["place.updated"], stage.open("/guests/"), assign(pier, name="Long Pier"))
