"""Signing in and out, and passwords."""

import pytest
from django.test import Client

from blog.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "a boat is late"


@pytest.fixture
def mina(db: None) -> User:
    return User.objects.create_user("mina", password=PASSWORD)


def test_name_and_password_sign_in_and_lead_back(client: Client, mina: User) -> None:
    response = client.post("/sign-in/", {"username": "mina", "password": PASSWORD, "next": "/books/"})
    assert response["Location"] == "/books/"
    assert client.get("/").context["user"] == mina


def test_nobody_is_led_to_another_site(client: Client, mina: User) -> None:
    sent = {"username": "mina", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post("/sign-in/", sent)["Location"] == "/"


def test_a_wrong_password_says_so_and_signs_nobody_in(client: Client, mina: User) -> None:
    response = client.post("/sign-in/", {"username": "mina", "password": "wrong"})
    assert response.context["form"].non_field_errors()
    assert not client.get("/").context["user"].is_authenticated


def test_signing_out_takes_a_form_and_leads_to_the_front_page(mina: User, browser_of) -> None:
    browser = browser_of(mina)
    assert browser.get("/sign-out/").status_code == 405
    assert browser.post("/sign-out/")["Location"] == "/"
    assert not browser.get("/").context["user"].is_authenticated


def test_a_new_password_keeps_this_browser_and_ends_the_others(mina: User, browser_of) -> None:
    here, there = browser_of(mina), browser_of(mina)
    new = {"old_password": PASSWORD, "new_password1": "the tide is out", "new_password2": "the tide is out"}
    response = here.post("/password/", new, follow=True)
    assert [message.level_tag for message in response.context["messages"]] == ["success"]
    assert here.get("/").context["user"].is_authenticated
    assert not there.get("/").context["user"].is_authenticated


def test_a_password_is_not_changed_without_the_old_one(mina: User, browser_of) -> None:
    new = {"old_password": "wrong", "new_password1": "the tide is out", "new_password2": "the tide is out"}
    assert browser_of(mina).post("/password/", new).context["form"].errors
    mina.refresh_from_db()
    assert mina.check_password(PASSWORD)
