"""Declarations: in which order they are locked, and which mistakes the system check finds."""

from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from blog.models import Author, Book, Post, Tag
from realtime.errors import NotRegistered
from realtime.live import Live, NamedLive, NameRef, checks, declare, declared, live_of, receivers, registry
from realtime.live.named import NameState
from tests.guestbook.models import Guest, Place, Visit


@dataclass(frozen=True)
class GuestState:
    id: int
    name: str
    places: tuple[NameRef, ...]
    version: int


class Good(Live):
    model = Guest
    State = GuestState
    topics = ("guests", "guest.{id}")
    relations = ("places",)
    fragments = {"row": "guestbook/guest.html"}


def mistakes(declaration: type[Live], *others: type[Live]) -> list[str]:
    """The ids of what the check finds wrong with a declaration, beside others."""
    lives = [declaration(), *(other() for other in others)]
    for live in lives:
        live.bind({live.model: live for live in lives})
    return [str(message.id) for message in checks.mistakes(lives[0])]


class PlaceLive(NamedLive):
    model = Place
    topics = ("guests",)


def test_what_is_declared_passes() -> None:
    assert run_checks() == []
    assert mistakes(Good, PlaceLive) == []


def test_an_unknown_field_is_found() -> None:
    @dataclass(frozen=True)
    class State:
        id: int
        named: str
        url: str  # of a model without get_absolute_url
        version: int

    class Bad(Live):
        model = Guest
        topics = ("guests",)

    Bad.State = State
    assert mistakes(Bad) == ["realtime.E004", "realtime.E004"]


def test_a_part_that_is_not_declared_is_found() -> None:
    assert mistakes(Good) == ["realtime.E005"]


def test_a_foreign_key_to_what_is_not_declared_is_found() -> None:
    @dataclass(frozen=True)
    class State:
        id: int
        guest: NameRef
        version: int

    class Bad(Live):
        model = Visit

    Bad.State = State
    assert mistakes(Bad) == ["realtime.E005"]


def test_a_template_that_is_not_there_is_found() -> None:
    class Bad(Good):
        fragments = {"row": "guestbook/ghost.html"}
        tombstone = {"row": "guestbook/grave.html"}

    assert mistakes(Bad, PlaceLive) == ["realtime.E006", "realtime.E006"]


def test_a_topic_that_names_nothing_is_found() -> None:
    class Bad(Good):
        topics = ("guest.{number}",)

    assert mistakes(Bad, PlaceLive) == ["realtime.E007"]


@pytest.mark.parametrize("topic", ["all guests", "", "guest.{id", "x" * 101])
def test_a_topic_that_is_none_is_found(topic: str) -> None:
    class Bad(Good):
        topics = (topic,)

    assert mistakes(Bad, PlaceLive) == ["realtime.E007"]


def test_a_many_to_many_field_that_is_shown_and_not_told_of_is_found() -> None:
    class Bad(Good):
        relations = ()

    assert mistakes(Bad, PlaceLive) == ["realtime.E009"]


def test_a_state_without_a_version_is_found() -> None:
    @dataclass(frozen=True)
    class State:
        id: int
        name: str

    class Bad(Live):
        model = Guest
        topics = ("guests",)

    Bad.State = State
    assert mistakes(Bad) == ["realtime.E010"]


@pytest.mark.parametrize("attribute", ["topics", "relations"])
def test_a_forgotten_comma_is_refused(attribute: str) -> None:
    class Bad(Good):
        pass

    setattr(Bad, attribute, "places")
    with pytest.raises(ImproperlyConfigured, match=rf"^Bad\.{attribute} is a text: write a tuple, with a comma\.$"):
        mistakes(Bad, PlaceLive)


@pytest.mark.parametrize("name", ["placez", "name"])
def test_a_relation_that_the_model_does_not_have_is_refused_by_name(name: str) -> None:
    class Bad(Good):
        relations = (name,)

    with pytest.raises(ImproperlyConfigured, match=f"^Guest has no many-to-many field {name}; it has places\\.$"):
        mistakes(Bad, PlaceLive)


def test_a_through_model_that_does_not_announce_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "senders", {Visit, Group})
    monkeypatch.setattr(checks, "senders", receivers.senders)
    (error,) = checks.check_announced()
    assert (error.id, "Group" in error.msg) == ("realtime.E003", True)


def test_relations_and_their_models_are_heard() -> None:
    assert {Guest, Place, Visit, Post, Book} <= receivers.senders


def test_each_is_locked_before_what_it_shows() -> None:
    ranks = {live.model: live.rank for live in declared()}
    assert len(set(ranks.values())) == len(ranks)
    assert ranks[Post] < ranks[Book] < ranks[Author]
    assert ranks[Post] < ranks[Tag]
    assert ranks[Guest] < ranks[Place]


def test_what_shows_itself_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good, place = Good(), PlaceLive()
    good.embedded, place.embedded = {"places": place}, {"guests": good}
    with pytest.raises(ImproperlyConfigured, match="guest > place > guest"):
        registry._height(good)


def test_a_relation_that_the_state_does_not_show_is_refused() -> None:
    class Bad(Good):
        relations = ("places",)
        State = NameState

    live = Bad()
    live.bind({})
    with pytest.raises(ImproperlyConfigured, match=r"Bad.State has no field places"):
        list(live.kinds())


def test_a_model_is_declared_once() -> None:
    with pytest.raises(ImproperlyConfigured, match="GuestLive"):

        @declare
        class Again(Good):
            pass

    assert type(live_of(Guest)).__name__ == "GuestLive"


def test_a_model_that_is_not_declared_has_no_declaration() -> None:
    with pytest.raises(NotRegistered, match="Visit"):
        live_of(Visit)
