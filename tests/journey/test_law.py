"""Old page + events = fresh page, for every kind, on every page that shows it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from blog.models import Author, Authorship, Book, Edition, Post, Publication, Tag
from realtime import kinds
from tests import cast
from tests.journey.law import converges
from tests.tail import captured_events

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def sea(database) -> Tag:
    return Tag.objects.get_or_create(name="Sea", slug="sea")[0]


@pytest.fixture
def book(database) -> Book:
    book = Book.objects.create(title="The Harbour")
    book.authors.add(Author.objects.create(name="Ingrid"))
    return book


@pytest.fixture
def post(ada, sea, book) -> Post:
    post = cast.a_post(ada, book=book, chapter=1, published_date=None)
    post.tags.add(sea)
    post.publish()
    return post


def places(post: Post) -> list[str]:
    """Every page that shows a public post."""
    return ["/", f"/post/{post.pk}/", f"/author/{post.byline_id}/", "/tag/sea/", f"/book/{post.book_id}/"]


def test_a_post_is_published(open_page, ada, sea, book):
    with transaction.atomic():
        post = Post.objects.create(author=ada, title="Fog", text="It *lifts*.", book=book, chapter=2)
        post.tags.add(sea)
    pages = [open_page(path) for path in places(post) if not path.startswith("/post/")]
    with converges(*pages), captured_events() as events:
        post.publish()
    assert events.kinds() == ["post.published", "desk.changed"]


def test_a_post_is_updated(open_page, post):
    with converges(*map(open_page, places(post))), captured_events() as events:
        post.title, post.text, post.urgent = "The pier held", "It held **again**.", True
        post.save()
    assert events.kinds() == ["post.updated"]


def test_a_post_changes_its_tags(open_page, post, sea):
    storm = Tag.objects.get_or_create(name="폭풍", slug="폭풍")[0]
    pages = [open_page(path) for path in [*places(post), "/tag/폭풍/"]]
    with converges(*pages), captured_events() as events:
        post.tags.set([storm])
    assert events.kinds() == ["post.tags.changed"]
    with converges(*(page for page in pages if "/tag/sea/" not in page.url)):
        storm.posts.clear()


def test_a_post_is_liked(open_page, post, ada):
    pages = [open_page("/"), open_page(f"/post/{post.pk}/")]
    with converges(*pages), captured_events() as events:
        post.liked_by.add(ada)
    assert events.kinds() == ["post.likes.changed"]


def test_a_post_is_withdrawn_and_restored(open_page, post):
    pages = [open_page(path) for path in places(post) if not path.startswith("/post/")]
    own = open_page(f"/post/{post.pk}/")
    with converges(*pages), captured_events() as events:
        post.withdraw("Wrong pier")
    assert events.kinds() == ["post.withdrawn", "desk.changed"]
    own.get_by_text("Wrong pier").wait_for()
    assert own.get_by_text("It held all night.").count() == 0
    with converges(*pages), captured_events() as events:
        post.publish()
    assert events.kinds() == ["post.restored", "desk.changed"]
    own.get_by_text("It held all night.").wait_for()


def test_a_post_is_deleted(open_page, post):
    pages = [open_page(path) for path in places(post) if not path.startswith("/post/")]
    with converges(*pages), captured_events() as events:
        post.delete()
    assert events.kinds() == ["post.withdrawn"]


def test_the_desk_follows_a_draft(open_page, ada):
    page = open_page("/desk/", ada)
    with converges(page), captured_events() as events:
        draft = Post.objects.create(author=ada, title="Fog", text="It lifts.")
    assert events.kinds() == ["desk.changed"]
    for step in (
        {"title": "Fog again"},
        {"state": Post.State.SUBMITTED},
        {"state": Post.State.SCHEDULED, "published_date": cast.NOON},
    ):
        with converges(page):
            Post.objects.filter(pk=draft.pk).update(**step)
    with converges(page):
        draft.refresh_from_db()
        draft.publish()


def test_a_book_is_published_updated_withdrawn_and_restored(open_page, book):
    author = book.authors.get()
    pages = [open_page("/books/"), open_page(f"/author/{author.pk}/")]
    own = open_page(f"/book/{book.pk}/")
    with converges(*pages, own), captured_events() as events:
        book.title = "The Long Harbour"
        book.save()
    assert events.kinds() == ["book.updated"]
    with converges(*pages), captured_events() as events:
        book.state = Book.State.WITHDRAWN
        book.save()
    assert events.kinds() == ["book.withdrawn"]
    with converges(*pages), captured_events() as events:
        Book.objects.filter(pk=book.pk).update(state=Book.State.PUBLISHED)
    assert events.kinds() == ["book.restored"]
    with converges(open_page("/books/")), captured_events() as events:
        Book.objects.create(title="Another")
    assert events.kinds() == ["book.published"]


def test_a_book_changes_its_authors(open_page, book):
    joins = Author.objects.create(name="Olav")
    pages = [open_page(path) for path in ("/books/", f"/book/{book.pk}/", f"/author/{joins.pk}/")]
    with converges(*pages), captured_events() as events:
        book.authors.add(joins, through_defaults={"contribution": "maps"})
    assert events.kinds() == ["book.authors.changed"]
    with converges(*pages[:2]):
        Authorship.objects.filter(author=joins).update(order=0, contribution="charts")
    with converges(*pages):
        joins.books.clear()


def test_a_book_has_a_new_edition(open_page, book):
    pages = [open_page("/books/"), open_page(f"/book/{book.pk}/")]
    with converges(*pages), captured_events() as events:
        Edition.objects.create(book=book, number=1, file="editions/harbour-1.epub")
    assert events.kinds() == ["book.updated"]


def test_an_author_has_a_new_name(open_page, post, book):
    author = post.byline
    book.authors.add(author)
    pages = [open_page(path) for path in [*places(post), "/books/"]]
    with converges(*pages), captured_events() as events:
        author.name = f"{author.name} L."
        author.save()
    assert events.kinds() == ["author.updated"]


def test_a_tag_has_a_new_name(open_page, post, sea):
    pages = [open_page(path) for path in ("/", f"/post/{post.pk}/", "/tag/sea/")]
    with converges(*pages), captured_events() as events:
        Tag.objects.filter(pk=sea.pk).update(name="The sea")
    assert events.kinds() == ["tag.updated"]
    sea.save()


def test_the_publication_has_a_new_title(open_page):
    pages = [open_page("/"), open_page("/books/")]
    with converges(*pages), captured_events() as events:
        Publication(title="The Fog Horn", standfirst="Loud.", summary="It is **foggy**.").save()
    assert events.kinds() == ["publication.updated"]


@pytest.fixture
def full(ada, sea) -> Iterator[list[Post]]:
    """More posts than a page shows, oldest first."""
    posts = cast.posts(ada, 60)
    sea.posts.add(*posts)
    yield posts
    for post in posts:
        post.delete()


def test_a_full_list_that_loses_posts_is_filled_again_by_one_fetch(open_page, full):
    page, asked = open_page("/"), []
    page.on("request", lambda request: asked.append(request.url))
    with converges(page, open_page("/tag/sea/")):
        with transaction.atomic():  # all of it is told before the page asks
            for post in full[-10:-5]:
                post.withdraw("Wrong pier")
        filled = "last => !document.getElementById(last) && document.querySelectorAll('[role=feed] > *').length === 50"
        page.wait_for_function(filled, arg=f"post-{full[-6].pk}")
        assert asked == [page.url]


def test_a_count_knows_of_posts_that_the_page_does_not_show(open_page, full, ada, sea):
    page = open_page("/tag/sea/")
    with converges(page):
        full[0].withdraw("Wrong pier")
    with converges(page):
        sea.posts.remove(full[1])
    with converges(page), transaction.atomic():
        old = cast.a_post(ada, "Long ago", published_date=cast.NOON - timedelta(days=900))
        old.tags.add(sea)
    with converges(page):
        old.delete()


def test_no_kind_is_forgotten():
    """Every registered kind that shows on a page is named in this file, or in the journey of a task."""
    told_here = Path(__file__).read_text()
    others = [kind.name for kind in kinds.all_kinds() if kind.fragments and f'"{kind.name}"' not in told_here]
    assert [name for name in others if not name.startswith("task.")] == []
