"""The admin, as ben uses it: what it changes is announced, and no right is taken by its forms."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from blog.models import Author, Authorship, Book, Edition, ModelSample, Post, Publication, Tag, User
from tests.cast import NOON, a_post
from tests.tail import captured_events

pytestmark = pytest.mark.django_db

NO_ROWS = {f"{prefix}-{name}_FORMS": "0" for prefix in ("authorship_set", "editions") for name in ("TOTAL", "INITIAL")}


@pytest.fixture
def desk(ben: User, browser_of) -> Client:
    return browser_of(ben)


def address(model: Any, page: str, *args: Any) -> str:
    return reverse(f"admin:blog_{model._meta.model_name}_{page}", args=args)


def the_form(post: Post, **changes: Any) -> dict[str, Any]:
    """A post's form as a browser sends it."""
    fields = ("title", "text", "state", "reason")
    return {
        **{name: getattr(post, name) for name in fields},
        "tags_text": "",
        "byline": post.byline_id,
        "published_date_0": f"{post.published_date:%Y-%m-%d}" if post.published_date else "",
        "published_date_1": f"{post.published_date:%H:%M:%S}" if post.published_date else "",
    } | changes


def one_of_each(ada: User) -> list[Any]:
    book = Book.objects.create(title="Harbour")
    post = a_post(ada, book=book)
    return [
        post,
        post.byline,
        book,
        Tag.objects.create(name="sea"),
        Authorship.objects.create(book=book, author=post.byline),
        Edition.objects.create(book=book, number=1, file="editions/harbour-1.epub"),
        Publication.objects.create(),
        post.revisions.create(title="T", text="x", by=ada),
        a_sample(),
        ada,
    ]


def a_sample(**fields: Any) -> ModelSample:
    span = {"start_date": NOON, "end_date": NOON + timedelta(days=1)}
    path = "learner/model_sample_files/one.json"
    return ModelSample.objects.create(**{"path": path, "used_cols": ["title"], **span} | fields)


def test_every_model_has_a_list_and_a_form_without_a_script_of_the_pages_own(ada: User, desk: Client) -> None:
    rows = one_of_each(ada)
    assert {type(row) for row in rows} >= {model for model in admin.site._registry if model._meta.app_label == "blog"}
    for row in rows:
        for page in (address(row, "changelist") + "?q=x", address(row, "changelist"), address(row, "change", row.pk)):
            response = desk.get(page, follow=True)
            assert response.status_code == 200
            # our policy lets no script run that stands in the page itself; data is no script
            for attributes, content in re.findall(r"<script([^>]*)>(.*?)</script>", response.content.decode(), re.S):
                assert "src=" in attributes or "application/json" in attributes or not content.strip()
            assert not re.search(r"\son[a-z]+=", response.content.decode())
            assert "script-src" not in response["Content-Security-Policy"]


def test_writers_who_are_not_staff_have_no_admin(ada: User, browser_of) -> None:
    assert browser_of(ada).get("/admin/").status_code == 302


def test_a_new_post_belongs_to_who_made_it(ben: User, desk: Client) -> None:
    sent = {"title": "Late", "text": "news", "state": "published", "tags_text": "sea, harbour"}
    assert desk.post(address(Post, "add"), sent).status_code == 302
    post = Post.objects.get()
    assert (post.author, post.byline.name, post.state) == (ben, "Ben", "published")
    assert timezone.now() - post.published_date < timedelta(minutes=1)
    assert {tag.name for tag in post.tags.all()} == {"sea", "harbour"}
    assert post.revisions.get().by == ben


def test_an_edit_keeps_author_date_and_byline(ada: User, desk: Client) -> None:
    post = a_post(ada)
    assert desk.post(address(post, "change", post.pk), the_form(post, title="New")).status_code == 302
    post.refresh_from_db()
    assert (post.title, post.author, post.byline.name, post.published_date) == ("New", ada, "Ada", NOON)


def test_a_post_withdrawn_in_its_form_says_when_and_comes_back_without_a_reason(ada: User, desk: Client) -> None:
    post = a_post(ada)
    desk.post(address(post, "change", post.pk), the_form(post, state="withdrawn", reason="Wrong"))
    post.refresh_from_db()
    assert (post.state, post.reason, post.withdrawn is None) == ("withdrawn", "Wrong", False)
    desk.post(address(post, "change", post.pk), the_form(post, state="published"))
    post.refresh_from_db()
    assert (post.state, post.reason, post.withdrawn) == ("published", "", None)


@pytest.mark.parametrize(
    ("state", "date"), [("scheduled", {"published_date_0": "", "published_date_1": ""}), ("published", {})]
)
def test_state_and_date_must_agree(ada: User, desk: Client, state: str, date: dict[str, str]) -> None:
    post = a_post(ada, state="draft", published_date=timezone.now() + timedelta(days=1))
    response = desk.post(address(post, "change", post.pk), the_form(post, state=state, **date))
    assert "published_date" in response.context["adminform"].form.errors


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("action", "before", "after", "kind"),
    [
        ("publish_selected", "draft", "published", "post.published"),
        ("withdraw_selected", "published", "withdrawn", "post.withdrawn"),
    ],
)
def test_actions_are_announced_for_each_post(
    ada: User, desk: Client, action: str, before: str, after: str, kind: str
) -> None:
    chosen = [a_post(ada, title, state=before) for title in ("One", "Two")]
    other = a_post(ada, "Three", state=before)
    with captured_events() as events:
        sent = {"action": action, "_selected_action": [post.pk for post in chosen]}
        desk.post(address(Post, "changelist") + "?q=o", sent)
    assert sorted(event.key for event in events if event.kind == kind) == sorted(f"post.{post.pk}" for post in chosen)
    assert {post.state for post in Post.objects.exclude(pk=other.pk)} == {after}
    assert Post.objects.get(pk=other.pk).state == before


def test_staff_without_the_right_to_publish_cannot_do_it_here(dan: User, ada: User, browser_of) -> None:
    User.objects.filter(pk=dan.pk).update(is_staff=True)
    dan_s, hers = a_post(dan, state="draft"), a_post(ada)
    browser = browser_of(dan)
    browser.post(address(Post, "change", dan_s.pk), the_form(dan_s, title="New", state="published"))
    dan_s.refresh_from_db()
    assert (dan_s.title, dan_s.state) == ("New", "draft")
    browser.post(address(Post, "changelist"), {"action": "withdraw_selected", "_selected_action": [hers.pk]})
    hers.refresh_from_db()
    assert hers.is_public
    assert browser.post(address(Post, "change", hers.pk), the_form(hers, title="Mine")).status_code == 403


def test_an_action_leaves_alone_what_the_person_may_not_edit(ada: User, ben: User, browser_of) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    hers, his = a_post(ada), a_post(ben)
    sent = {"action": "withdraw_selected", "_selected_action": [hers.pk, his.pk]}
    response = browser_of(ada).post(address(Post, "changelist"), sent, follow=True)
    assert [str(message) for message in response.context["messages"]] == ["1 post was withdrawn."]
    assert list(Post.objects.public()) == [his]


def test_posts_can_be_purged_with_their_versions(ada: User, desk: Client) -> None:
    post = a_post(ada)
    post.revisions.create(title="T", text="x", by=ada)
    assert desk.post(address(post, "delete", post.pk), {"post": "yes"}).status_code == 302
    assert not Post.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_author_joins_a_book_in_its_form(ada: User, desk: Client) -> None:
    book, author = Book.objects.create(title="Harbour"), Author.objects.create(name="Mina")
    row = {"author": author.pk, "contribution": "editor", "date_joined": "2026-11-20", "order": "1"}
    sent = NO_ROWS | {"title": "Harbour", "slug": "harbour", "state": "published", "authorship_set-TOTAL_FORMS": "1"}
    with captured_events() as events:
        response = desk.post(
            address(book, "change", book.pk), sent | {f"authorship_set-0-{name}": value for name, value in row.items()}
        )
    assert response.status_code == 302
    changed = events.data("book.authors.changed")
    assert [(author["name"], author["contribution"]) for author in changed["added"]] == [("Mina", "editor")]


def test_the_slug_of_a_tag_is_set_once(desk: Client) -> None:
    desk.post(address(Tag, "add"), {"name": "밤 바다"})
    tag = Tag.objects.get()
    assert tag.slug == "밤-바다"
    desk.post(address(tag, "change", tag.pk), {"name": "Night sea", "slug": "other"})
    tag.refresh_from_db()
    assert (tag.name, tag.slug) == ("Night sea", "밤-바다")


@pytest.mark.parametrize("sent", [{"name": "!!!"}, {"name": "Sea!"}, {"name": "Ocean", "slug": "sea"}])
def test_a_tag_needs_an_address_of_its_own(desk: Client, sent: dict[str, str]) -> None:
    Tag.objects.create(name="sea")
    assert desk.post(address(Tag, "add"), sent).context["adminform"].form.errors
    assert Tag.objects.count() == 1


def test_there_is_one_publication_and_it_stays(desk: Client) -> None:
    assert desk.get(address(Publication, "add")).status_code == 200
    row = Publication.objects.create(title="The Harbour Post")
    assert desk.get(address(Publication, "add")).status_code == 403
    assert desk.post(address(row, "delete", row.pk), {"post": "yes"}).status_code == 403


COLUMNS = ["title", "text", "author_id", "byline_id", "published_date", "book_id", "chapter", "pinned"]
SPAN = {"start_date_0": "2026-11-01", "start_date_1": "00:00", "end_date_0": "2026-11-20", "end_date_1": "00:00"}


def sample_form(**changes: Any) -> dict[str, Any]:
    file = SimpleUploadedFile("one.json", b"{}")
    return SPAN | {"path": file, "num_of_inference": "0", "used_cols": COLUMNS, "status": "pending"} | changes


def test_a_sample_is_made_of_ticked_columns_and_a_chosen_status(desk: Client, settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path
    ticked = [*COLUMNS, "name", "date", "status"]
    response = desk.post(address(ModelSample, "add"), sample_form(used_cols=ticked, status="on_product"))
    assert response.status_code == 302
    sample = ModelSample.objects.get()
    assert (sample.used_cols, sample.status, str(sample)) == (ticked, "on_product", "one.json")
    shown = desk.get(address(sample, "changelist")).context["cl"].list_display
    assert shown[1:] == ["path", "num_of_inference", "used_cols", "status", "start_date", "end_date"]
    page = desk.get(address(sample, "change", sample.pk)).content.decode()
    assert page.count('type="checkbox" name="used_cols"') == 3 + len(Post._meta.concrete_fields)
    assert '<select name="status"' in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"used_cols": [*COLUMNS, "name", "date", "status", "pinned", "urgent"]}, "used_cols"),
        ({"used_cols": []}, "used_cols"),
        ({"used_cols": ["password"]}, "used_cols"),
        ({"status": "sold"}, "status"),
        ({"end_date_0": "2026-10-01"}, "end_date"),
        ({"num_of_inference": "-1"}, "num_of_inference"),
    ],
)
def test_a_sample_that_is_not_right_says_where(desk: Client, changes: dict[str, Any], field: str) -> None:
    response = desk.post(address(ModelSample, "add"), sample_form(**changes))
    assert list(response.context["adminform"].form.errors) == [field]


def test_too_many_columns_are_counted_in_the_error(desk: Client) -> None:
    ticked = [*COLUMNS, "key_event", "urgent", "state", "id"]
    response = desk.post(address(ModelSample, "add"), sample_form(used_cols=ticked))
    assert response.context["adminform"].form.errors["used_cols"] == ["Tick at most 11 columns; these are 12."]


def test_inferences_counted_while_the_form_is_open_are_not_lost(desk: Client) -> None:
    sample = a_sample(num_of_inference=5)
    opened = sample_form(status="on_product", path="", num_of_inference="5") | {"initial-num_of_inference": "5"}
    sample.count_inference()
    assert desk.post(address(sample, "change", sample.pk), opened).status_code == 302
    sample.refresh_from_db()
    assert (sample.status, sample.num_of_inference) == ("on_product", 6)


def test_accounts_are_made_but_rights_are_for_superusers_to_give(ada: User, ben: User, desk: Client) -> None:
    sent = {
        "username": "eve",
        "usable_password": "true",
        "password1": "the tide is out",
        "password2": "the tide is out",
    }
    assert desk.post(address(User, "add"), sent).status_code == 302
    eve = User.objects.get(username="eve")
    row = {"username": "eve", "email": "eve@news.example", "date_joined_0": "2026-11-20", "date_joined_1": "00:00"}
    wanted = {
        "is_staff": "on",
        "is_superuser": "on",
        "user_permissions": list(ben.user_permissions.values_list("pk", flat=True)),
    }
    assert desk.post(address(eve, "change", eve.pk), row | wanted).status_code == 302
    eve.refresh_from_db()
    assert (eve.email, eve.is_staff, eve.is_superuser, eve.user_permissions.count()) == (
        "eve@news.example",
        False,
        False,
        0,
    )


def test_nobody_but_a_superuser_touches_a_superuser(desk: Client) -> None:
    root = User.objects.create_superuser("root", password="x")
    changed = {"password1": "the tide is out", "password2": "the tide is out"}
    assert desk.post(reverse("admin:auth_user_password_change", args=[root.pk]), changed).status_code == 403
    assert desk.post(address(root, "delete", root.pk), {"post": "yes"}).status_code == 403
    root.refresh_from_db()
    assert root.check_password("x")
