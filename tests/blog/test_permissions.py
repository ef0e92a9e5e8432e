"""The rights of each of the cast: ada writes, ben edits, cleo only reads, dan writes but may not publish."""

import pytest
from django.test import Client

from blog.models import Book, Post, User
from tests.cast import a_post

pytestmark = pytest.mark.django_db

WORDS = {"title": "Changed", "text": "words"}


@pytest.mark.parametrize("address", ["/post/new/", "/post/{pk}/edit/", "/desk/", "/password/"])
def test_who_has_not_signed_in_is_asked_to_and_brought_back(client: Client, ada: User, address: str) -> None:
    address = address.format(pk=a_post(ada).pk)
    response = client.get(address)
    assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={address}")


@pytest.mark.parametrize("action", ["new", "{pk}/edit", "{pk}/withdraw", "{pk}/restore"])
def test_who_has_not_signed_in_changes_nothing(client: Client, ada: User, action: str) -> None:
    post = a_post(ada)
    response = client.post(f"/post/{action.format(pk=post.pk)}/", WORDS)
    assert response["Location"].startswith("/sign-in/?next=")
    assert [(row.title, row.state) for row in Post.objects.all()] == [("The pier holds", "published")]


def test_who_likes_without_an_account_signs_in_and_comes_back_to_the_post(client: Client, ada: User) -> None:
    post = a_post(ada)
    response = client.post(f"/post/{post.pk}/like/")
    assert response["Location"] == f"/sign-in/?next=/post/{post.pk}/"
    assert post.liked_by.count() == 0


@pytest.mark.parametrize("action", ["new", "{pk}/edit", "{pk}/withdraw", "{pk}/restore"])
def test_who_only_reads_may_not_write(ada: User, cleo: User, browser_of, action: str) -> None:
    post = a_post(ada)
    address = f"/post/{action.format(pk=post.pk)}/"
    response = browser_of(cleo).post(address, WORDS)
    assert response.status_code == 403
    assert "403.html" in [template.name for template in response.templates]
    assert [(row.title, row.state) for row in Post.objects.all()] == [("The pier holds", "published")]


@pytest.mark.parametrize("address", ["/desk/", "/post/new/"])
def test_who_only_reads_sees_neither_desk_nor_composer(cleo: User, browser_of, address: str) -> None:
    assert browser_of(cleo).get(address).status_code == 403


def test_writers_edit_their_own_and_editors_everybodys(ada: User, ben: User, dan: User, browser_of) -> None:
    hers = a_post(ada)
    for person, allowed in ((ada, True), (ben, True), (dan, False)):
        response = browser_of(person).post(f"/post/{hers.pk}/edit/", WORDS | {"text": person.username})
        assert response.status_code == (302 if allowed else 403)
    assert Post.objects.get().text == "ben"


@pytest.mark.parametrize("action", ["edit", "withdraw", "restore"])
def test_without_the_right_to_publish_nobody_touches_what_is_public(dan: User, browser_of, action: str) -> None:
    post = a_post(dan)
    if action == "restore":
        post.withdraw()
    assert browser_of(dan).post(f"/post/{post.pk}/{action}/", WORDS).status_code == 403


@pytest.mark.parametrize("state", ["draft", "submitted", "scheduled"])
def test_what_is_not_public_is_for_its_author_and_editors(
    client: Client, ada: User, ben: User, cleo: User, dan: User, browser_of, state: str
) -> None:
    address = a_post(ada, state=state).get_absolute_url()
    seen = {person.username: browser_of(person).get(address).status_code for person in (ada, ben, cleo, dan)}
    assert seen == {"ada": 200, "ben": 200, "cleo": 404, "dan": 404}
    assert client.get(address).status_code == 404


def test_a_book_that_is_not_public_is_for_the_desk(client: Client, ada: User, cleo: User, browser_of) -> None:
    address = Book.objects.create(title="Secret", state="draft").get_absolute_url()
    assert [browser.get(address).status_code for browser in (browser_of(ada), browser_of(cleo), client)] == [
        200,
        404,
        404,
    ]


def test_every_page_says_what_its_reader_may_do(client: Client, ada: User, ben: User, cleo: User, browser_of) -> None:
    said = {
        "ada": browser_of(ada).get("/").context["rights"],
        "ben": browser_of(ben).get("/").context["rights"],
        "cleo": browser_of(cleo).get("/").context["rights"],
        "nobody": client.get("/").context["rights"],
    }
    assert said == {"ada": "desk write", "ben": "desk edit write", "cleo": "", "nobody": ""}


def test_an_account_that_was_closed_has_no_rights_from_then_on(ada: User, browser_of) -> None:
    browser = browser_of(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert browser.get("/post/new/")["Location"] == "/sign-in/?next=/post/new/"


def test_the_desk_is_the_same_for_all_who_follow_it(ada: User, ben: User, browser_of) -> None:
    a_post(ada, "Hers", state="draft", published_date=None)
    a_post(ben, "His", state="draft", published_date=None)
    a_post(ben, "Queued", state="submitted")
    a_post(ada, "Soon", state="scheduled")
    a_post(ada, "Public")
    for person in (ada, ben):
        context = browser_of(person).get("/desk/").context
        shown = [[row.title for row in context[name]] for name in ("drafts", "submitted", "scheduled")]
        assert shown == [["His", "Hers"], ["Queued"], ["Soon"]]


FORMS = ["/sign-in/", "/sign-out/", "/password/", "/post/new/", "/post/{pk}/edit/", "/post/{pk}/withdraw/"]


@pytest.mark.parametrize("address", [*FORMS, "/post/{pk}/restore/", "/post/{pk}/like/", "/i18n/setlang/"])
def test_a_form_from_another_site_is_refused(ada: User, address: str) -> None:
    post = a_post(ada)
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    response = client.post(address.format(pk=post.pk), WORDS | {"username": "ada", "password": "x"})
    assert response.status_code == 403
    assert "403.html" in [template.name for template in response.templates]
    post.refresh_from_db()
    assert (post.title, post.state) == ("The pier holds", "published")


@pytest.mark.parametrize("action", ["withdraw", "restore", "like"])
def test_a_link_changes_nothing(ada: User, browser_of, action: str) -> None:
    assert browser_of(ada).get(f"/post/{a_post(ada).pk}/{action}/").status_code == 405
