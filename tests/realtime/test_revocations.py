"""Every way of losing access is announced, in the transaction that took it, to that person's own topic only."""

from collections.abc import Callable

import msgspec
import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.test import Client

from blog.models import User
from realtime import tickets
from realtime.revocations import KIND
from tests import cast
from tests.tail import CapturedEvents, captured_events

pytestmark = pytest.mark.django_db(transaction=True)


def permission(name: str) -> Permission:
    return Permission.objects.get(content_type__app_label="blog", codename=name)


def desk_group() -> Group:
    group = Group.objects.create(name="Desk")
    group.permissions.add(permission("edit_any_post"))
    return group


@pytest.fixture
def ada() -> User:
    """She has a right of her own, one by a group, and is staff."""
    ada = cast.ada()
    ada.is_staff = True
    ada.save()
    ada.groups.add(desk_group())
    return ada


def access(events: CapturedEvents) -> dict:
    """The data of the only event, which is on its person's topic and no other."""
    (event,) = events
    assert (event.kind, event.topics, event.key) == (KIND, (event.key,), event.topics[0])
    return msgspec.json.decode(event.data)


def in_bulk(**values: object) -> Callable[[User], object]:
    return lambda ada: User.objects.filter(pk=ada.pk).update(**values)


def set_fields(**values: object) -> Callable[[User], object]:
    def change(ada: User) -> None:
        for name, value in values.items():
            setattr(ada, name, value)
        ada.save()

    return change


def new_password(ada: User) -> None:
    ada.set_password("another, and long")
    ada.save()


LOSSES: dict[str, tuple[Callable[[User], object], str]] = {
    "deactivated": (set_fields(is_active=False), "ended"),
    "deactivated by update": (in_bulk(is_active=False), "ended"),
    "deactivated by bulk_update": (
        lambda ada: (set_active(ada, False), User.objects.bulk_update([ada], ["is_active"])),
        "ended",
    ),
    "deleted": (lambda ada: ada.delete(), "ended"),
    "deleted in bulk": (lambda ada: User.objects.filter(pk=ada.pk).delete(), "ended"),
    "a new password": (new_password, "ended"),
    "staff no longer": (set_fields(is_staff=False), "stale"),
    "staff no longer, by update": (in_bulk(is_staff=False), "stale"),
    "superuser": (set_fields(is_superuser=True), "stale"),
    "a permission of her own": (lambda ada: ada.user_permissions.remove(permission("add_post")), "stale"),
    "all of her own": (lambda ada: ada.user_permissions.clear(), "stale"),
    "other ones": (lambda ada: ada.user_permissions.set([permission("view_post")]), "stale"),
    "from the permission's side": (lambda ada: permission("add_post").user_set.remove(ada), "stale"),
    "from the permission's side, all": (lambda ada: permission("add_post").user_set.clear(), "stale"),
    "a group of hers": (lambda ada: ada.groups.clear(), "stale"),
    "from the group's side": (lambda ada: Group.objects.get().user_set.remove(ada), "stale"),
    "from the group's side, all": (lambda ada: Group.objects.get().user_set.clear(), "stale"),
    "the group's permission": (lambda ada: Group.objects.get().permissions.clear(), "stale"),
    "the group's, from the other side": (lambda ada: permission("edit_any_post").group_set.clear(), "stale"),
    "the group's, one from the other side": (
        lambda ada: permission("edit_any_post").group_set.remove(Group.objects.get()),
        "stale",
    ),
    "the group is deleted": (lambda ada: Group.objects.all().delete(), "stale"),
    "the permission is deleted": (lambda ada: permission("edit_any_post").delete(), "stale"),
}


def set_active(ada: User, active: bool) -> None:
    ada.is_active = active


@pytest.fixture(autouse=True)
def _permissions_come_back(django_db_blocker):
    """The one test that deletes a permission would take it from all others."""
    kept = list(Permission.objects.all())
    yield
    with django_db_blocker.unblock():
        Permission.objects.bulk_create(kept, ignore_conflicts=True)


@pytest.mark.parametrize("way", LOSSES)
def test_every_way_is_announced_once(ada: User, way: str):
    change, worth = LOSSES[way]
    pk = ada.pk
    with captured_events() as events:
        change(ada)
    said = access(events)
    assert (said["id"], said["tickets"], said["ended"]) == (pk, worth, [])
    now = User.objects.filter(pk=pk, is_active=True).first()
    assert frozenset(said["rights"]) == (tickets.reader_of(now, "", 0).rights if now else frozenset())


@pytest.mark.parametrize("way", LOSSES)
def test_what_is_rolled_back_announces_nothing(ada: User, way: str):
    with captured_events() as events, transaction.atomic():
        LOSSES[way][0](ada)
        transaction.set_rollback(True)
    assert events == []


def test_a_save_that_changes_nothing_announces_nothing(ada: User):
    with captured_events() as events:
        ada.save()
        ada.email = "ada@example.org"
        ada.save()
        User.objects.filter(pk=ada.pk).update(last_name="L")
        Client().force_login(ada)
        ada.groups.add(Group.objects.get())
    assert events == []


def test_a_group_of_many_costs_as_many_queries_as_a_group_of_few(django_assert_max_num_queries):
    group = desk_group()
    group.user_set.set([User.objects.create_user(f"user-{n}") for n in range(30)])
    with captured_events() as events, django_assert_max_num_queries(20, connection=connection):
        group.permissions.clear()
    assert [msgspec.json.decode(event.data)["rights"] for event in events] == [[]] * 30


class TestSigningOut:
    @pytest.fixture
    def browser(self, ada: User) -> Client:
        browser = Client()
        browser.force_login(ada)
        return browser

    def test_names_the_sign_in_and_leaves_the_others(self, ada: User, browser: Client):
        session = tickets.digest(browser.session.session_key)
        with captured_events() as events:
            browser.post("/sign-out/")
        said = access(events)
        assert (said["tickets"], said["ended"]) == ("valid", [session])

    def test_outside_a_request_is_announced_too(self, browser: Client):
        with captured_events() as events:
            browser.logout()
        assert {event.kind for event in events} == {KIND}

    def test_so_is_a_session_that_an_operator_deletes(self, browser: Client):
        with captured_events() as events:
            Session.objects.all().delete()
        assert len(access(events)["ended"]) == 1

    def test_so_are_all_others_with_a_new_password(self, ada: User, browser: Client):
        ada.set_password("stop-press")
        ada.save()
        browser.force_login(ada)
        old = tickets.read(browser.get("/live/ticket").json()["ticket"])
        with captured_events() as events:
            browser.post(
                "/password/",
                {"old_password": "stop-press", "new_password1": "a harbour wall", "new_password2": "a harbour wall"},
            )
        said = access(events)
        assert (said["tickets"], said["ended"]) == ("ended", [old.session])
        new = tickets.read(browser.get("/live/ticket").json()["ticket"])
        assert (new.version, new.session != old.session) == (said["version"], True)


class TestTickets:
    def test_a_ticket_carries_the_version_of_its_rights(self, ada: User):
        browser = Client()
        browser.force_login(ada)
        before = tickets.read(browser.get("/live/ticket").json()["ticket"])
        ada.groups.clear()
        page = browser.get("/")
        assert tickets.read(str(page.wsgi_request.live_ticket)).version == before.version + 1

    def test_nobody_gets_one_whose_account_has_ended_since_it_was_read(self, ada: User):
        browser = Client()
        browser.force_login(ada)
        request = browser.get("/").wsgi_request
        assert request.user.is_active
        User.objects.filter(pk=ada.pk).update(is_active=False)
        assert tickets.issue(request) is None
