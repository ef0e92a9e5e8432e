"""What readers see: public posts, newest first, in a constant number of queries."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from blog.models import Author, Authorship, Book, Edition, Post, Publication, Tag, User
from tests.cast import NOON, a_post, cleo, posts

pytestmark = pytest.mark.django_db


def titles(client: Client, address: str) -> list[str]:
    return [post.title for post in client.get(address).context["posts"]]


def test_the_front_page_shows_what_is_public_newest_first(client: Client, ada: User) -> None:
    posts(ada, 3)
    for state in ("draft", "submitted", "scheduled", "withdrawn"):
        a_post(ada, state, state=state)
    assert titles(client, "/") == ["Post 3", "Post 2", "Post 1"]


def test_what_is_published_without_a_date_is_dated_then(client: Client, ada: User) -> None:
    a_post(ada, published_date=NOON + timedelta(days=1000))
    a_post(ada, "Now", published_date=None)
    assert titles(client, "/") == ["The pier holds", "Now"]


def test_an_empty_publication_has_a_front_page(client: Client, db: None) -> None:
    response = client.get("/")
    assert (response.status_code, response.context["total"], response.context["older"]) == (200, 0, "")


def test_older_and_newer_links_lead_through_every_post_once(client: Client, ada: User) -> None:
    posts(ada, 120)
    seen, address = [], "/"
    while address:
        response = client.get(address)
        seen += [post.title for post in response.context["posts"]]
        last, address = address, response.context["older"]
    assert seen == [f"Post {number}" for number in range(120, 0, -1)]
    sizes = []
    while last:
        response = client.get(last)
        sizes.append(len(response.context["posts"]))
        last = response.context["newer"]
    assert sizes == [20, 50, 50]


def test_posts_of_the_same_moment_are_paged_in_one_order(client: Client, ada: User) -> None:
    for number in range(1, 61):
        a_post(ada, f"Post {number}")
    first = client.get("/")
    second = client.get(first.context["older"])
    assert [post.title for post in second.context["posts"]] == [f"Post {number}" for number in range(10, 0, -1)]


def test_a_post_that_arrives_between_two_clicks_shows_none_twice(client: Client, ada: User) -> None:
    posts(ada, 60)
    first = client.get("/")
    a_post(ada, "Late", published_date=NOON + timedelta(days=1))
    second = client.get(first.context["older"])
    assert [post.title for post in second.context["posts"]] == [f"Post {number}" for number in range(10, 0, -1)]


@pytest.mark.parametrize("place", ["x", "1-2-x", "9" * 30 + "-1", "1-" + "9" * 30, "-", "1", "\0-1"])
def test_a_place_that_no_post_has_is_not_found(client: Client, db: None, place: str) -> None:
    assert client.get("/", {"older": place}).status_code == 404


def test_posts_from_before_1970_have_a_place_too(client: Client, ada: User) -> None:
    for number in range(1, 61):
        a_post(ada, f"Post {number}", published_date=NOON.replace(year=1961))
    older = client.get("/").context["older"]
    assert len(client.get(older).context["posts"]) == 10


def test_filters_narrow_the_front_page_and_stay_in_its_links(client: Client, ada: User, ben: User) -> None:
    sea = Tag.objects.create(name="바다")
    for post in posts(ada, 51):
        post.tags.add(sea)
    a_post(ada, "Untagged")
    a_post(ben, "By ben").tags.add(sea)
    author = Author.objects.get(user=ada)
    response = client.get("/", {"tag": sea.slug, "author": author.pk})
    assert response.context["total"] == 51
    assert response.context["filters"].tag.name == "바다"
    assert [post.title for post in client.get(response.context["older"]).context["posts"]] == ["Post 1"]


@pytest.mark.parametrize("query", [{"tag": "none"}, {"tag": "\0"}, {"author": "x"}, {"author": "9" * 30}])
def test_a_filter_that_names_nothing_is_not_found(client: Client, db: None, query: dict[str, str]) -> None:
    assert client.get("/", query).status_code == 404


def test_counts_are_exact_however_many_tags_and_likes_a_post_has(client: Client, ada: User, ben: User) -> None:
    post = a_post(ada)
    for name in ("sea", "harbour", "storm"):
        post.tags.add(Tag.objects.create(name=name))
    post.liked_by.add(ada, ben, cleo())
    for address in ("/", "/tag/sea/", f"/author/{post.byline_id}/"):
        context = client.get(address).context
        assert (context["total"], len(context["posts"]), context["posts"][0].likes) == (1, 1, 3)


def test_a_tag_is_found_by_its_hangul_address_however_it_is_composed(client: Client, ada: User) -> None:
    a_post(ada).tags.add(Tag.objects.create(name="바다"))
    decomposed = "\u1107\u1161\u1103\u1161"
    assert client.get(reverse("tag_detail", args=[decomposed])).context["total"] == 1


@pytest.mark.parametrize(
    "address", ["/post/1/", f"/post/{9**40}/", "/book/1/", "/author/1/", f"/author/{9**40}/", "/tag/none/", "/tag/%00/"]
)
def test_what_is_not_there_is_not_found(client: Client, db: None, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert "404.html" in [template.name for template in response.templates]


def test_a_withdrawn_post_is_gone_and_says_why_but_not_what_it_said(client: Client, ada: User) -> None:
    post = a_post(ada, "Secret title", text="Secret text")
    post.withdraw("Names a minor")
    response = client.get(post.get_absolute_url())
    assert response.status_code == 410
    assert response.context["gone"].reason == "Names a minor"
    assert not response.context["may_restore"]
    assert b"Names a minor" in response.content
    assert b"Secret" not in response.content


def test_a_book_shows_its_public_chapters_in_order_and_its_authors(client: Client, ada: User) -> None:
    book = Book.objects.create(title="Harbour")
    Authorship.objects.create(book=book, author=Author.objects.create(name="Second"), order=2)
    Authorship.objects.create(book=book, author=Author.objects.create(name="First"), order=1)
    a_post(ada, "Loose", book=book)
    a_post(ada, "Two", book=book, chapter=2)
    a_post(ada, "One", book=book, chapter=1)
    a_post(ada, "Draft", book=book, chapter=3, state="draft")
    context = client.get(book.get_absolute_url()).context
    assert [chapter.title for chapter in context["chapters"]] == ["One", "Two", "Loose"]
    assert [author.name for author in context["book"].authors] == ["First", "Second"]


def test_books_stand_in_the_order_in_which_open_pages_sort_them(client: Client, db: None) -> None:
    for title in ("가을", "ebb", "Tide", "Ebb"):
        Book.objects.create(title=title)
    Book.objects.create(title="Draft", state="draft")
    assert [book.title for book in client.get("/books/").context["books"]] == ["Ebb", "Tide", "ebb", "가을"]


def test_an_author_page_shows_posts_and_books(client: Client, ada: User) -> None:
    posts(ada, 2)
    author = Author.objects.get(user=ada)
    for title, state in (("Tide", "published"), ("Ebb", "draft")):
        Book.objects.create(title=title, state=state).authors.add(author)
    context = client.get(author.get_absolute_url()).context
    assert context["total"] == 2
    assert [book.title for book in context["books"]] == ["Tide"]


def full_publication(ada: User, count: int) -> None:
    """A publication with as many of everything, each hung with tags, likes, authors and editions."""
    readers = [User.objects.create(username=f"reader {number}") for number in range(3)]
    tags = [Tag.objects.create(name=f"Tag {number}") for number in range(3)]
    author = Author.objects.get_or_create(user=ada, defaults={"name": "Ada"})[0]
    for number in range(count):
        book = Book.objects.create(title=f"Book {number}")
        book.authors.add(author, Author.objects.create(name=f"Author {number}"))
        for edition in (1, 2):
            Edition.objects.create(book=book, number=edition, file=f"editions/{number}-{edition}.epub")
        post = a_post(ada, f"Post {number}", book=Book.objects.order_by("pk").first(), chapter=number)
        post.tags.set(tags)
        post.liked_by.set(readers)
        a_post(ada, f"Draft {number}", state="draft")


def queries(client: Client, address: str) -> int:
    client.get(address)  # what is read once a process, such as content types, does not count
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200
    return len(seen)


@pytest.mark.parametrize("page", ["front", "filtered", "post", "books", "book", "author", "tag", "desk", "feed"])
def test_a_page_costs_as_many_queries_for_thirty_of_everything_as_for_three(ada: User, browser_of, page: str) -> None:
    reader = browser_of(ada)
    costs = []
    for count in (3, 30):
        for model in (Post, Book, Tag, User.objects.exclude(pk=ada.pk), Author):
            getattr(model, "objects", model).all().delete()
        full_publication(ada, count)
        address = {
            "front": "/",
            "filtered": f"/?tag=tag-1&author={Author.objects.get(user=ada).pk}",
            "post": Post.objects.public()[0].get_absolute_url(),
            "books": "/books/",
            "book": Book.objects.order_by("pk")[0].get_absolute_url(),
            "author": Author.objects.get(user=ada).get_absolute_url(),
            "tag": "/tag/tag-1/",
            "desk": "/desk/",
            "feed": "/feed/",
        }[page]
        costs.append(queries(reader, address))
    assert costs[0] == costs[1]
    assert costs[0] <= 20


def test_the_feed_has_public_posts_whole_and_nothing_else(client: Client, ada: User) -> None:
    Publication.objects.create(title="The Harbour Post", standfirst="News of the quay")
    a_post(ada, "Open", text="Hello **there**").tags.add(Tag.objects.create(name="sea"))
    a_post(ada, "Hidden", state="draft")
    response = client.get("/feed/")
    text = response.content.decode()
    assert response["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert "The Harbour Post" in text
    assert "&lt;strong&gt;there&lt;/strong&gt;" in text
    assert 'term="sea"' in text
    assert "Hidden" not in text


def test_a_text_with_control_characters_does_not_break_the_feed(client: Client, ada: User) -> None:
    a_post(ada, "Bell \x07", text="Escape \x1b[0m and \ufffe")
    assert client.get("/feed/").status_code == 200


def test_the_publication_is_read_once_for_a_page(client: Client, ada: User) -> None:
    with CaptureQueriesContext(connection) as seen:
        client.get("/")
    assert len([query for query in seen if "blog_publication" in query["sql"]]) <= 1


ENTRY = "blog/post/entry.html"


def rendered(client: Client, **headers: str) -> tuple[bool, str]:
    """Whether the entry was rendered for this answer, and what stands there."""
    response = client.get("/", headers=headers)
    return ENTRY in [template.name for template in response.templates], response.content.decode()


def test_a_post_is_rendered_once_for_all_who_read_it_as_it_is(client: Client, ada: User) -> None:
    post = a_post(ada, "Fog on the quay")
    assert rendered(client)[0]
    again, page = rendered(client)
    assert not again
    assert "Fog on the quay" in page
    post.title = "Fog lifts"
    post.save()
    anew, page = rendered(client)
    assert anew
    assert "Fog lifts" in page
    Author.objects.update(name="Ada Lovelace")  # not a change of the post, whose version stays
    assert "Ada Lovelace" in rendered(client)[1]


def test_what_was_rendered_is_kept_by_language_and_zone(client: Client, ada: User) -> None:
    a_post(ada)
    english = rendered(client)[1]
    korean = rendered(client, **{"accept-language": "ko"})[1]
    with timezone.override("Asia/Seoul"):
        seoul = rendered(client)[1]
    assert (">Edit<" in english, ">Edit<" in korean) == (True, False)
    assert ("12:00 UTC" in english, "21:00 KST" in seoul) == (True, True)
    assert rendered(client) == (False, english)


def test_nothing_is_missing_from_the_migrations(db: None) -> None:
    call_command("makemigrations", "--check", "--dry-run")
