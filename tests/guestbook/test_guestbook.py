"""A domain that the product does not know is live by its declaration alone, on a real socket."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from realtime import kinds, topics
from realtime.live import Live, live_of
from realtime.tickets import ANONYMOUS, Reader
from tests.consumers import reader as consumers_reader
from tests.guestbook.models import Guest, Place, Visit
from tests.tail import captured_events

pytestmark = pytest.mark.usefixtures("database")

HERE = Path(__file__).parent
MAX_LINES, MAX_FILES, MAX_TEMPLATES = 25, 2, 1


@pytest.fixture
def pier() -> Place:
    return Place.objects.create(name="Pier")


@pytest.fixture
def ada(pier: Place) -> Guest:
    """She has been to the pier."""
    guest = Guest.objects.create(name="Ada")
    guest.places.add(pier)
    return guest


def test_making_it_live_takes_so_few_lines_files_and_templates() -> None:
    """Lines of code that say something of being live; imports count, blank lines and docstrings do not."""
    lines = {path.name: live_lines(path) for path in HERE.glob("*.py") if "realtime.live" in path.read_text()}
    lines = {name: count for name, count in lines.items() if not name.startswith("test_") and name != "pages.py"}
    assert len(lines) <= MAX_FILES, lines
    assert sum(lines.values()) <= MAX_LINES, lines
    used = {template for kind in guest_kinds() for template in kind.fragments.values()}
    assert len([name for name in used if (HERE / "templates" / name).exists()]) == MAX_TEMPLATES


def live_lines(path: Path) -> int:
    """The lines of a file but its docstrings, and but models: their fields, what they are called, their table."""
    module = ast.parse(path.read_text())
    nodes = [node for node in module.body if not is_docstring(node)]
    counted: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.ClassDef) and "Announced" in [getattr(base, "id", "") for base in node.bases]:
            continue
        counted.update(line for each in [node] for line in range(each.lineno, (each.end_lineno or 0) + 1))
        counted.update(each.lineno for each in getattr(node, "decorator_list", []))
    text = path.read_text().splitlines()
    return sum(bool(text[line - 1].strip()) for line in counted)


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def guest_kinds() -> list[kinds.Kind]:
    return [kind for model in (Guest, Place) for kind in live_of(model).kinds()]


def test_realtime_consumers_and_blog_do_not_know_it() -> None:
    rooms = [Path(settings.BASE_DIR) / name for name in ("realtime", "consumers", "blog", "frontend")]
    code = [path for room in rooms for path in room.rglob("*.py") if "node_modules" not in path.parts]
    assert [path for path in code if "tests.guestbook" in path.read_text()] == []


def test_a_guest_is_published_updated_and_withdrawn(cleo: consumers_reader.Reader) -> None:
    ada = Guest.objects.create(name="Ada")
    event = cleo.hear()
    assert (event["kind"], event["key"], event["topics"]) == (
        "guest.published",
        f"guest.{ada.pk}",
        ["guests", f"guest.{ada.pk}"],
    )
    assert event["data"] == {"id": ada.pk, "name": "Ada", "places": [], "version": 1}
    assert event["html"]["row"].startswith(f'<li data-live="guest.{ada.pk}/row" data-live-version="1"')
    ada.name = "Ada & <b>Ben</b>"
    ada.save()
    event = cleo.hear()
    assert (event["kind"], event["data"]["name"]) == ("guest.updated", ada.name)
    assert "Ada &amp; &lt;b&gt;Ben" in event["html"]["row"]
    pk = ada.pk
    ada.delete()
    event = cleo.hear()
    assert (event["kind"], event["key"], event["left"]) == ("guest.withdrawn", f"guest.{pk}", ["guests"])
    assert (event["data"]["id"], event["data"]["deleted"], event["data"]["version"]) == (pk, True, 3)
    assert event["html"] == {}


def test_its_places_change(cleo: consumers_reader.Reader, pier: Place) -> None:
    ada, dune = Guest.objects.create(name="Ada"), Place.objects.create(name="Dune")
    heard = [cleo.hear()["kind"] for _ in range(3)]  # in the order in which they were committed
    assert heard == ["place.updated", "guest.published", "place.updated"]
    ada.places.set([pier, dune])
    event = cleo.hear()
    assert event["kind"] == "guest.places.changed"
    data = event["data"]
    assert list(data) == ["relation", "added", "removed", "changed", "cleared", "more", "guest"]
    assert (data["relation"], data["removed"], data["cleared"], data["more"]) == ("guest.places", [], False, 0)
    assert sorted(place["name"] for place in data["added"]) == ["Dune", "Pier"]
    assert [place["name"] for place in data["guest"]["places"]] == [
        visit.place.name for visit in Visit.objects.filter(guest=ada).order_by("pk")
    ]
    assert f'<span data-live="place.{pier.pk}/name">Pier</span>' in event["html"]["row"]
    pier.guests.clear()
    event = cleo.hear()
    assert ([place["name"] for place in event["data"]["removed"]], event["data"]["cleared"]) == (["Pier"], True)
    dune.delete()
    event = cleo.hear()
    assert ([place["name"] for place in event["data"]["removed"]], event["data"]["cleared"]) == (["Dune"], False)
    assert "nowhere" in event["html"]["row"]


def test_a_place_that_is_renamed_is_one_event_for_all_guests(cleo: consumers_reader.Reader, ada: Guest) -> None:
    for _ in range(3):
        cleo.hear()
    Place.objects.filter(guests=ada).update(name="Long Pier")
    event = cleo.hear()
    pier = ada.places.get()
    assert (event["kind"], event["key"], event["topics"]) == ("place.updated", f"place.{pier.pk}", ["guests"])
    assert event["html"] == {"name": f'<span data-live="place.{pier.pk}/name">Long Pier</span>'}
    assert cleo.is_told_nothing()


def test_what_a_page_shows_is_what_an_event_carries(ada: Guest) -> None:
    with captured_events() as events:
        ada.save()
    (event,) = events
    assert live_of(Guest).states(Guest.objects.filter(pk=ada.pk)) == [kinds.decode(kinds.get(event.kind), event.data)]


WAYS: dict[str, Callable[[Guest, Place], object]] = {
    "a row is saved": lambda ada, dune: Visit.objects.create(guest=ada, place=dune),
    "rows are made in bulk": lambda ada, dune: Visit.objects.bulk_create([Visit(guest=ada, place=dune)]),
    "a row is updated": lambda ada, dune: Visit.objects.filter(guest=ada).update(place=dune),
    "rows are deleted": lambda ada, dune: Visit.objects.filter(guest=ada).delete(),
    "the part is deleted": lambda ada, dune: ada.places.get().delete(),
    "the other side adds": lambda ada, dune: dune.guests.add(ada),
    "the other side sets": lambda ada, dune: dune.guests.set([ada], clear=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_is_announced_once(way: str, ada: Guest) -> None:
    dune = Place.objects.create(name="Dune")
    with captured_events() as events:
        WAYS[way](ada, dune)
    assert events.kinds() == ["guest.places.changed"]


def test_what_is_rolled_back_is_not_announced(ada: Guest) -> None:
    with captured_events() as events, pytest.raises(ZeroDivisionError), transaction.atomic():
        ada.places.clear()
        ada.delete()
        1 / 0
    assert events == []


def test_a_transaction_costs_as_many_queries_for_many_guests_as_for_few(pier: Place) -> None:
    costs = []
    for count in (3, 30):
        guests = Guest.objects.bulk_create([Guest(name=f"{n}") for n in range(count)])
        with CaptureQueriesContext(connection) as seen:
            pier.guests.set(guests)
        costs.append(len(seen))
        pier.guests.clear()
    assert costs[0] == costs[1]


def test_topics_are_public_or_for_whom_the_declaration_says() -> None:
    class GuardedLive(Live):
        model = Guest
        State = live_of(Guest).State
        topics = ("guarded.{id}",)

        def may_read(self, reader: Reader, topic: str) -> bool:
            return "staff" in reader.rights

    GuardedLive().register_topics()
    assert topics.check(ANONYMOUS, "guest.1") is None
    assert topics.check(ANONYMOUS, "guarded.1") == "forbidden"
    assert topics.check(Reader(id=1, rights=frozenset({"staff"})), "guarded.1") is None
