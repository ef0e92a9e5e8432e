"""Who may read what, and that what is taken away is gone at once: on every socket, and for every ticket."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client
from django.utils import timezone

from blog.models import Book, User
from realtime import log, tickets
from realtime.models import Task
from realtime.position import LARGEST
from realtime.publish import publish
from tests import cast
from tests.consumers.conftest import Edge
from tests.consumers.reader import Reader
from tests.waiting import PATIENCE, promptly, until

SOON = 1.0  # seconds from commit to the edge's obeying

Connect = Callable[..., Reader]


class Person:
    """Somebody with an account and a browser in which that person has signed in."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.browser = Client()
        self.browser.force_login(user)

    def ticket(self) -> str:
        return str(self.browser.get("/live/ticket").json()["ticket"])


def permission(name: str) -> Permission:
    return Permission.objects.get(content_type__app_label="blog", codename=name)


@pytest.fixture
def erins(edge: Edge) -> Iterator[Callable[[], Person]]:
    """Each writes by a permission of her own; nobody else is her, in this test or another."""
    made: list[int] = []

    def erin() -> Person:
        user = User.objects.create_user(f"erin-{time.monotonic_ns()}")
        user.user_permissions.add(permission("add_post"))
        made.append(user.pk)
        return Person(user)

    yield erin
    User.objects.filter(pk__in=made).delete()


@pytest.fixture
def erin(erins: Callable[[], Person]) -> Person:
    return erins()


@pytest.fixture
def connect(edge: Edge) -> Iterator[Connect]:
    """Sockets that say hello with a ticket and follow topics."""
    with ExitStack() as stack:

        def connected(ticket: str | None, *topics: str) -> Reader:
            reader = stack.enter_context(closing(edge.connect()))
            if ticket:
                assert reader.ask("hello", ticket=ticket)["type"] == "hello"
            if topics:
                assert reader.subscribe(*topics)["refused"] == []
            return reader

        yield connected


def is_refused(edge: Edge, ticket: str) -> bool:
    """Whether nothing can be had with the ticket: neither from now on, nor what was before."""
    with closing(edge.connect()) as reader:
        said = reader.ask("hello", ticket=ticket)
        assert said["type"] == "hello" or said["code"] == "bad-ticket"
        refused = reader.subscribe("desk", since=str(log.position()))["refused"] == [
            {"topic": "desk", "code": "forbidden"}
        ]
        assert refused == (said["type"] == "error")
        return refused


def get(edge: Edge, transport: str, topic: str, ticket: str | None, **parameters: str) -> HTTPResponse:
    """The answer of `/live/log` or `/live/stream`, its body unread."""
    connection = HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {ticket}"} if ticket else {}
    connection.request("GET", f"/live/{transport}?{urlencode({'topic': topic, **parameters})}", headers=headers)
    return connection.getresponse()


ENDS: dict[str, Callable[[Person], object]] = {
    "signed out": lambda erin: erin.browser.post("/sign-out/"),
    "deactivated": lambda erin: User.objects.filter(pk=erin.user.pk).update(is_active=False),
    "deleted": lambda erin: erin.user.delete(),
    "a new password": lambda erin: (erin.user.set_password("a harbour wall"), erin.user.save()),
}


@pytest.mark.parametrize("way", ENDS)
def test_who_is_signed_out_is_closed_on_every_socket_and_cannot_come_back(
    edge: Edge, erins: Callable[[], Person], connect: Connect, way: str
):
    def attempt() -> float:
        erin = erins()
        ticket = erin.ticket()
        user = f"user.{erin.user.pk}"
        sockets = [connect(ticket, "desk"), connect(ticket, user), connect(ticket, "front"), connect(ticket)]
        bystander = connect(None, "front")
        ENDS[way](erin)
        committed = time.monotonic()
        for socket in sockets:
            assert socket.end()[0] == 4401
        took = time.monotonic() - committed
        assert is_refused(edge, ticket)
        for transport in ("log", "stream"):
            assert get(edge, transport, "desk", ticket).status == 401
        assert bystander.is_told_nothing()
        return took

    promptly(SOON, attempt)


@pytest.mark.parametrize("way", [*ENDS, "a lost right"])
def test_streams_and_polls_end_too(edge: Edge, erins: Callable[[], Person], ada: User, way: str):
    def attempt() -> float:
        until(lambda: sockets(edge) == 0)  # those of the test before
        erin = erins()
        ticket = erin.ticket()
        stream, poll = get(edge, "stream", "desk", ticket), []
        waiting = Thread(target=lambda: poll.append(get(edge, "log", "desk", ticket, wait="25").status))
        waiting.start()
        until(lambda: sockets(edge) == 2)
        ENDS.get(way, lambda erin: erin.user.user_permissions.clear())(erin)
        committed = time.monotonic()
        cast.a_post(ada, "Not for her", state="draft")
        assert b"Not for her" not in stream.read()
        waiting.join(PATIENCE)
        assert poll == [403]
        return time.monotonic() - committed

    promptly(2 * SOON, attempt)


def sockets(edge: Edge) -> int:
    text = urlopen(f"{edge.origin}/metrics").read().decode()
    return int(re.search(r"^stop_press_sockets\{.*\} (\d+)\.0$", text, re.M)[1])


def test_signing_out_in_one_browser_leaves_the_other(edge: Edge, erin: Person, connect: Connect):
    other = Person(erin.user)
    here, there = connect(erin.ticket(), "desk"), connect(other.ticket(), "desk")
    erin.browser.post("/sign-out/")
    assert here.end()[0] == 4401
    assert there.is_told_nothing()
    assert not is_refused(edge, other.ticket())


def test_a_lost_right_ends_what_only_it_allowed(edge: Edge, erin: Person, connect: Connect, ada: User):
    ticket = erin.ticket()
    user = f"user.{erin.user.pk}"
    sockets = [connect(ticket, "desk", "front", user), connect(ticket, "desk")]
    erin.user.user_permissions.clear()
    for socket in sockets:
        assert socket.hear() == {"type": "unsubscribed", "topics": ["desk"], "code": "forbidden"}
    assert sockets[0].hear()["kind"] == "user.access.changed", "their own topic stays theirs"
    cast.a_post(ada, state="draft").delete()
    for socket in sockets:
        assert socket.subscribe("desk")["refused"] == [{"topic": "desk", "code": "forbidden"}], "and no draft before"
    assert is_refused(edge, ticket)


def drained(socket: Reader) -> list[dict]:
    socket.say("ping")
    frames = [socket.hear()]
    while frames[-1]["type"] != "pong":
        frames.append(socket.hear())
    return frames


def test_a_right_of_a_group_goes_and_comes_with_it(edge: Edge, erin: Person, connect: Connect):
    erin.user.user_permissions.clear()
    group = Group.objects.create(name=f"Desk {erin.user.pk}")
    group.permissions.add(permission("edit_any_post"))
    group.user_set.add(erin.user)
    socket = connect(erin.ticket(), "desk")
    group.permissions.clear()
    assert socket.hear()["code"] == "forbidden"
    group.permissions.add(permission("edit_any_post"))
    until(lambda: socket.subscribe("desk")["topics"] == ["desk"])
    group.delete()
    assert socket.hear()["code"] == "forbidden"


def test_a_ticket_made_after_the_change_is_good_before_the_edge_has_heard_of_it(erin: Person, connect: Connect):
    erin.user.is_staff = True
    erin.user.save()
    assert connect(erin.ticket(), "desk").is_told_nothing()


def test_an_edge_that_starts_knows_what_was_revoked(
    start_edge: Callable[..., Edge], edge: Edge, erin: Person, connect: Connect
):
    ended, other = erin.ticket(), Person(erin.user)
    erin.browser.post("/sign-out/")
    kept = other.ticket()
    fresh = start_edge()
    assert is_refused(fresh, ended)
    assert not is_refused(fresh, kept)
    User.objects.filter(pk=erin.user.pk).update(is_staff=True)
    until(lambda: is_refused(fresh, kept))
    fresh.stop()


class TestTasks:
    """`task.<id>` is for who started it, staff, and the desk."""

    @pytest.fixture
    def task(self, erin: Person) -> Task:
        erin.user.user_permissions.clear()
        with transaction.atomic():
            task = Task.objects.create(name="blog.tasks.build_epub", by=erin.user.pk)
            publish("task.queued", f"task.{task.pk}")
        return task

    def test_who_started_it_may_follow_it(self, erin: Person, connect: Connect, task: Task):
        socket = connect(erin.ticket(), f"task.{task.pk}")
        assert socket.subscribe("desk")["topics"] == [f"task.{task.pk}"]
        User.objects.filter(pk=erin.user.pk).update(is_superuser=True)
        User.objects.filter(pk=erin.user.pk).update(is_superuser=False)
        assert {frame["type"] for frame in drained(socket)} == {"pong"}, "it stays theirs without any right"

    def test_others_may_not_whether_it_exists_or_not(self, connect: Connect, task: Task):
        other = Person(User.objects.create_user(f"other-{task.pk}"))
        socket = connect(other.ticket())
        for id in (task.pk, "00000000-0000-0000-0000-000000000000", "x"):
            topic = f"task.{id}"
            assert socket.subscribe(topic)["refused"] == [{"topic": topic, "code": "forbidden"}]
        assert socket.ask("hello")["user"] is None
        assert socket.subscribe(f"task.{task.pk}")["refused"] != []


EVERYONE = ["front", "books", "site", "post.1", "book.1", "author.1", "tag.tide"]
MATRIX = {
    "anonymous": set(EVERYONE),
    "reader": {*EVERYONE, "user.own"},
    "writer": {*EVERYONE, "user.own", "desk", "task.1"},
    "editor": {*EVERYONE, "user.own", "desk", "task.1"},
    "staff": {*EVERYONE, "user.own", "task.1"},
}
ALL = [*EVERYONE, "desk", "user.own", "user.1", "task.1", "here.1", "front.1", "desk.1"]


@pytest.fixture(scope="module")
def roles(database: None) -> dict[str, Person | None]:
    """One of each; staff without any right on posts."""
    people = {role: User.objects.create_user(f"matrix-{role}") for role in MATRIX if role != "anonymous"}
    people["writer"].user_permissions.add(permission("add_post"))
    people["editor"].user_permissions.add(permission("edit_any_post"))
    people["staff"].is_staff = True
    people["staff"].save()
    return {"anonymous": None, **{role: Person(user) for role, user in people.items()}}


@pytest.mark.parametrize("topic", ALL)
@pytest.mark.parametrize("role", MATRIX)
def test_who_may_follow_what(edge: Edge, connect: Connect, roles: dict[str, Person | None], role: str, topic: str):
    person = roles[role]
    asked = f"user.{person.user.pk}" if person and topic == "user.own" else topic
    socket = connect(person.ticket() if person else None)
    answer = socket.subscribe(asked)
    if topic in MATRIX[role]:
        assert answer["topics"] == [asked]
    else:
        code = "unknown" if topic in ("here.1", "front.1", "desk.1") else "forbidden"
        assert answer["refused"] == [{"topic": asked, "code": code}]
    status = 200 if topic in MATRIX[role] else {"unknown": 404, "forbidden": 403}[code]
    for transport in ("log", "stream"):
        assert get(edge, transport, asked, person and person.ticket()).status == status


def test_a_ticket_s_rights_are_those_of_the_account(erin: Person):
    assert tickets.read(erin.ticket()).rights == {"desk"}


def test_nothing_that_is_not_public_is_in_anything_public(edge: Edge, connect: Connect, ada: User):
    """A text is drafted, submitted, scheduled, published, and withdrawn; only while it is public is it anywhere."""
    public = connect(None, *EVERYONE[:3])
    since = str(log.position())
    post = cast.a_post(ada, "Unseen", text="marker-unseen", state="draft")
    own = f"post.{post.pk}"
    public.subscribe(own, f"author.{post.byline_id}")
    book = Book.objects.create(title="marker-unseen", state="draft")
    for state, date in (("draft", None), ("submitted", None), ("scheduled", timezone.now() + timedelta(days=1))):
        post.state, post.published_date, post.book = state, date, book
        post.save()
        assert "nseen" not in everything_public(edge, own, since, public)
    post.state, post.published_date, post.book = "published", timezone.now() - timedelta(hours=1), None
    post.save()
    assert "marker-unseen" in everything_public(edge, own, since, public)
    post.state, post.withdrawn = "withdrawn", timezone.now()
    post.save()
    seen = everything_public(edge, own, since, public)
    assert "marker-unseen" not in seen, "only the tombstone"


def everything_public(edge: Edge, own: str, since: str, public: Reader) -> str:
    """All that anybody can read of it: frames, both requests, pages, feed; live, and from before it was there."""
    with closing(log.LogConnection()) as connection:
        connection.advance_and_read(
            LARGEST
        )  # what was committed has its place now, and the edge can be asked whether it is there
    until(edge.caught_up)
    seen = [str(drained(public))]
    with closing(edge.connect()) as late:
        late.subscribe("front", "books", "site", own, since=since)
        seen.append(str(drained(late)))
    for parameters in ({}, {"compact": "0"}, {"format": "html"}):
        seen.append(get(edge, "log", "front", None, since=since, **parameters).read().decode())
        seen.append(get(edge, "log", own, None, since=since, **parameters).read().decode())
    browser = Client()
    for path in ("/", "/books/", "/feed/", f"/post/{own[5:]}/"):
        seen.append(browser.get(path).content.decode())
    return "\n".join(seen)
