"""What writers do: publish, save, schedule, edit, withdraw, restore, like."""

import threading
import unicodedata
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from blog.models import Author, Book, Post, Tag, User
from blog.tasks import publish_due
from tests.cast import NOON, a_post
from tests.tail import captured_events
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db

WHOLE = {"tags_text": "", "book": "", "chapter": "", "published_date": ""}  # the form as a browser sends it


def later(hours: int = 1) -> str:
    return f"{timezone.localtime() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def test_title_and_text_are_enough_to_publish(ada: User, browser_of) -> None:
    response = browser_of(ada).post("/post/new/", {"title": "The pier holds", "text": "It held."})
    post = Post.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/post/{post.pk}/"
    assert (post.state, post.author, post.byline.name) == ("published", ada, "Ada")
    assert timezone.now() - post.published_date < timedelta(minutes=1)
    assert post.revisions.get().by == ada


def test_save_as_draft_publishes_nothing(ada: User, browser_of, client: Client) -> None:
    browser_of(ada).post("/post/new/", {"title": "Later", "text": "…", "action": "draft"})
    post = Post.objects.get()
    assert (post.state, post.published_date, post.revisions.count()) == ("draft", None, 0)
    assert client.get(post.get_absolute_url()).status_code == 404


def test_a_post_is_scheduled_for_a_time_that_is_still_to_come(ada: User, browser_of) -> None:
    sent = WHOLE | {"title": "Soon", "text": "…", "action": "schedule", "published_date": later()}
    browser_of(ada).post("/post/new/", sent)
    post = Post.objects.get()
    assert post.state == "scheduled"
    assert post.published_date > timezone.now()


@pytest.mark.parametrize("when", ["", "2020-01-01T00:00", "never"])
def test_nothing_is_scheduled_without_a_time_to_come(ada: User, browser_of, when: str) -> None:
    sent = WHOLE | {"title": "Soon", "text": "…", "action": "schedule", "published_date": when}
    response = browser_of(ada).post("/post/new/", sent)
    assert "published_date" in response.context["form"].errors
    assert not Post.objects.exists()


def test_a_composer_without_a_date_cannot_schedule(ada: User, browser_of) -> None:
    response = browser_of(ada).post("/post/new/", {"title": "Soon", "text": "…", "action": "schedule"})
    assert response.context["form"].non_field_errors()
    assert not Post.objects.exists()


def test_a_time_to_come_is_not_published_by_mistake(ada: User, browser_of) -> None:
    response = browser_of(ada).post("/post/new/", WHOLE | {"title": "Soon", "text": "…", "published_date": later()})
    assert "published_date" in response.context["form"].errors
    assert not Post.objects.exists()


@pytest.mark.parametrize(
    "sent", [{}, {"title": "Only"}, {"title": " ", "text": " \n "}, {"title": "T", "text": "x", "action": "explode"}]
)
def test_a_form_that_is_not_right_comes_back_with_its_errors(ada: User, browser_of, sent: dict[str, str]) -> None:
    response = browser_of(ada).post("/post/new/", sent)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not Post.objects.exists()


def test_text_is_composed_and_its_lines_end_alike(ada: User, browser_of) -> None:
    title = unicodedata.normalize("NFD", "가" * 200)  # 400 code points that are 200 letters
    browser_of(ada).post("/post/new/", {"title": title, "text": "\r\n    code\r\nline\rlast\n"})
    post = Post.objects.get()
    assert post.title == "가" * 200
    assert post.text == "    code\nline\nlast"


def test_tags_are_made_when_they_are_new_and_found_when_they_are_not(ada: User, browser_of) -> None:
    sea = Tag.objects.create(name="Sea")
    typed = " sea, #Night Ferry,, 항구 ," + unicodedata.normalize("NFD", "항구")
    browser_of(ada).post("/post/new/", WHOLE | {"title": "T", "text": "x", "tags_text": typed})
    post = Post.objects.get()
    assert [tag.name for tag in post.tags.all()] == ["Night Ferry", "Sea", "항구"]
    assert sea in post.tags.all()


@pytest.mark.parametrize("typed", ["good, !!!", "x" * 81])
def test_what_cannot_be_a_tag_is_named(ada: User, browser_of, typed: str) -> None:
    response = browser_of(ada).post("/post/new/", WHOLE | {"title": "T", "text": "x", "tags_text": typed})
    assert typed.rpartition(", ")[2] in response.context["form"].errors["tags_text"][0]
    assert not Tag.objects.exists()


def test_an_edit_changes_neither_author_nor_date(ada: User, ben: User, browser_of) -> None:
    post = a_post(ada)
    sent = WHOLE | {"title": "New", "text": "words", "published_date": later()}
    browser_of(ben).post(f"/post/{post.pk}/edit/", sent)
    post.refresh_from_db()
    assert (post.title, post.author, post.byline.name, post.published_date) == ("New", ada, "Ada", NOON)
    assert [(revision.title, revision.by) for revision in post.revisions.all()] == [("New", ben)]


def test_an_edit_of_title_and_text_leaves_the_rest_as_it_was(ada: User, browser_of) -> None:
    post = a_post(ada, book=Book.objects.create(title="Harbour"), chapter=3, pinned=True)
    post.tags.add(Tag.objects.create(name="sea"))
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "New", "text": "words"})
    post.refresh_from_db()
    assert (post.title, post.book.title, post.chapter, post.pinned, post.tags.count()) == ("New", "Harbour", 3, True, 1)


def test_a_whole_form_takes_away_what_it_leaves_empty(ada: User, browser_of) -> None:
    post = a_post(ada, book=Book.objects.create(title="Harbour"), chapter=3, pinned=True)
    post.tags.add(Tag.objects.create(name="sea"))
    browser_of(ada).post(f"/post/{post.pk}/edit/", WHOLE | {"title": "New", "text": "words"})
    post.refresh_from_db()
    assert (post.book, post.chapter, post.pinned, post.tags.count()) == (None, None, False, 0)


def test_a_form_shows_what_the_post_has(ada: User, browser_of) -> None:
    post = a_post(ada)
    post.tags.add(Tag.objects.create(name="sea"), Tag.objects.create(name="harbour"))
    form = browser_of(ada).get(f"/post/{post.pk}/edit/").context["form"]
    assert (form["title"].value(), form["tags_text"].value()) == ("The pier holds", "harbour, sea")
    assert "published_date" not in form.fields


def test_an_edit_that_says_the_same_writes_no_revision(ada: User, browser_of) -> None:
    post = a_post(ada)
    for _ in range(2):
        browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "New", "text": "words"})
    assert post.revisions.count() == 1


@pytest.mark.parametrize("action", ["draft", "schedule", "publish"])
def test_a_published_post_stays_published_whatever_the_button(ada: User, browser_of, action: str) -> None:
    post = a_post(ada)
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "New", "text": "words", "action": action})
    post.refresh_from_db()
    assert (post.state, post.title) == ("published", "New")


def test_a_page_opened_before_the_withdrawal_does_not_publish_again(ada: User, browser_of) -> None:
    post = a_post(ada)
    post.withdraw()
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "New", "text": "words", "action": "publish"})
    post.refresh_from_db()
    assert (post.state, post.title) == ("withdrawn", "New")


def test_a_draft_is_published_by_its_edit_and_dated_then(ada: User, browser_of) -> None:
    post = a_post(ada, state="draft", published_date=None)
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "Done", "text": "words"})
    post.refresh_from_db()
    assert post.state == "published"
    assert timezone.now() - post.published_date < timedelta(minutes=1)


def test_a_scheduled_post_that_is_published_early_is_dated_now(ada: User, browser_of) -> None:
    post = a_post(ada, state="scheduled", published_date=timezone.now() + timedelta(days=1))
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "Done", "text": "words"})
    post.refresh_from_db()
    assert post.state == "published"
    assert post.published_date <= timezone.now()


def test_a_scheduled_post_may_go_back_to_the_drafts(ada: User, browser_of) -> None:
    post = a_post(ada, state="scheduled", published_date=timezone.now() + timedelta(days=1))
    browser_of(ada).post(f"/post/{post.pk}/edit/", {"title": "Done", "text": "words", "action": "draft"})
    post.refresh_from_db()
    assert post.state == "draft"


def test_who_may_not_publish_submits_and_an_editor_publishes(dan: User, ben: User, browser_of) -> None:
    browser_of(dan).post("/post/new/", {"title": "A find", "text": "words"})
    post = Post.objects.get()
    assert post.state == "submitted"
    browser_of(ben).post(f"/post/{post.pk}/edit/", {"title": "A find", "text": "edited"})
    post.refresh_from_db()
    assert (post.state, post.author, post.byline.name) == ("published", dan, "Dan")


def test_a_withdrawal_with_a_reason_and_back(ada: User, browser_of, client: Client) -> None:
    post, writer = a_post(ada), browser_of(ada)
    response = writer.post(f"/post/{post.pk}/withdraw/", {"reason": " Not  confirmed "})
    assert response["Location"] == post.get_absolute_url()
    gone = writer.get(post.get_absolute_url())
    assert (gone.status_code, gone.context["gone"].reason, gone.context["may_restore"]) == (410, "Not confirmed", True)
    assert client.get("/").context["total"] == 0
    writer.post(f"/post/{post.pk}/restore/")
    post.refresh_from_db()
    assert (post.state, post.published_date, post.reason, post.withdrawn) == ("published", NOON, "", None)
    assert client.get(post.get_absolute_url()).status_code == 200


def test_a_withdrawal_needs_no_reason_and_twice_is_once(ada: User, browser_of) -> None:
    post = a_post(ada)
    browser_of(ada).post(f"/post/{post.pk}/withdraw/", {"reason": "First"})
    browser_of(ada).post(f"/post/{post.pk}/withdraw/")
    post.refresh_from_db()
    assert (post.state, post.reason) == ("withdrawn", "First")


def test_a_reason_too_long_withdraws_nothing_and_says_so(ada: User, browser_of) -> None:
    post, writer = a_post(ada), browser_of(ada)
    response = writer.post(f"/post/{post.pk}/withdraw/", {"reason": "x" * 201}, follow=True)
    post.refresh_from_db()
    assert post.is_public
    assert [message.level_tag for message in response.context["messages"]] == ["error"]


def test_only_what_is_public_is_withdrawn_and_only_what_is_withdrawn_restored(ada: User, browser_of) -> None:
    draft = a_post(ada, state="draft")
    browser_of(ada).post(f"/post/{draft.pk}/withdraw/")
    browser_of(ada).post(f"/post/{draft.pk}/restore/")
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_a_like_comes_and_goes_and_counts_each_reader_once(ada: User, cleo: User, browser_of) -> None:
    post, reader = a_post(ada), browser_of(cleo)
    for liked in (True, False, True):
        assert reader.post(f"/post/{post.pk}/like/")["Location"] == post.get_absolute_url()
        context = reader.get(post.get_absolute_url()).context
        assert (context["liked"], context["post"].likes) == (liked, int(liked))


@pytest.mark.django_db(transaction=True)
def test_a_double_click_is_a_like_taken_back_and_never_an_error(ada: User, cleo: User, browser_of) -> None:
    post, together = a_post(ada), threading.Barrier(8, timeout=PATIENCE)
    answers: list[int] = []

    def click() -> None:
        browser = browser_of(cleo)
        together.wait()
        answers.append(browser.post(f"/post/{post.pk}/like/").status_code)
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    assert answers == [302] * 8
    assert post.liked_by.count() == 0


def test_what_is_not_public_cannot_be_liked(ada: User, cleo: User, browser_of) -> None:
    post = a_post(ada, state="draft")
    assert browser_of(cleo).post(f"/post/{post.pk}/like/").status_code == 404


def test_a_new_account_gets_a_byline_with_its_first_post(ada: User, browser_of) -> None:
    for title in ("One", "Two"):
        browser_of(ada).post("/post/new/", {"title": title, "text": "words"})
    assert Author.objects.get().user == ada


def test_a_post_that_falls_due_is_published_at_its_time_with_its_version(ada: User) -> None:
    due = a_post(ada, state="scheduled", published_date=timezone.now() - timedelta(seconds=1))
    a_post(ada, state="scheduled", published_date=timezone.now() + timedelta(hours=1))
    assert publish_due() == 1
    assert list(Post.objects.public()) == [due]
    assert due.revisions.get().by == ada


@pytest.mark.django_db(transaction=True)
def test_publishing_with_tags_is_one_event_and_one_sentence(ada: User, browser_of) -> None:
    writer = browser_of(ada)
    with captured_events() as events:
        response = writer.post("/post/new/", WHOLE | {"title": "T", "text": "x", "tags_text": "sea"}, follow=True)
    assert [event.kind for event in events if event.kind.startswith("post.")] == ["post.published"]
    assert [tag["name"] for tag in events.data("post.published")["tags"]] == ["sea"]
    assert [str(message) for message in response.context["messages"]] == ["Published."]


@pytest.mark.django_db(transaction=True)
def test_a_form_with_errors_announces_nothing(ada: User, browser_of) -> None:
    with captured_events() as events:
        browser_of(ada).post("/post/new/", WHOLE | {"title": "", "text": "x", "tags_text": "sea"})
    assert events == []
