"""Law: every way in which a relation changes is announced, once, with its net effect.

A table: each way x each relation x both sides, with the signal that tells of it; the same rolled back; and
there and back again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.signals import m2m_changed, post_save, pre_delete, pre_save

from blog.models import Author, Authorship, Book, Like, Post, Tag, Tagging, User
from realtime import log
from realtime.live.announced import bulk_changed, bulk_made
from realtime.models import Key
from realtime.publish import PendingChange
from tests.tail import captured_events

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Relation:
    """A relation with one part present and one absent, and the words to change it."""

    kind: str
    owner: Any
    present: Any
    absent: Any
    through: Any
    names: tuple[str, str, str, str]  # owner's field, part's field, the owner and the part in the through row

    @property
    def parts(self):
        return getattr(self.owner, self.names[0])

    def owners(self, part):
        return getattr(part, self.names[1])

    def pair(self, part):
        return {self.names[2]: self.owner, self.names[3]: part}

    def row(self, part):
        return self.through(**self.pair(part))

    def rows(self):
        return self.through.objects.filter(**{self.names[2]: self.owner, self.names[3]: self.present})


def authors_of_a_book() -> Relation:
    book = Book.objects.create(title="Harbour")
    present, absent = Author.objects.create(name="Ada"), Author.objects.create(name="Ben")
    book.authors.add(present)
    return Relation("book.authors.changed", book, present, absent, Authorship, ("authors", "books", "book", "author"))


def tags_of_a_post() -> Relation:
    post = a_post()
    present, absent = Tag.objects.create(name="sea"), Tag.objects.create(name="바다")
    post.tags.add(present)
    return Relation("post.tags.changed", post, present, absent, Tagging, ("tags", "posts", "post", "tag"))


def likes_of_a_post() -> Relation:
    post = a_post()
    present, absent = User.objects.create_user("cleo"), User.objects.create_user("dora")
    post.liked_by.add(present)
    return Relation("post.likes.changed", post, present, absent, Like, ("liked_by", "liked", "post", "user"))


def a_post() -> Post:
    post = Post(title="Fog", text="It lifts.", author=User.objects.create_user("ada"))
    post.publish()
    return post


RELATIONS = [authors_of_a_book, tags_of_a_post, likes_of_a_post]

# who tells of a change: the signals whose receivers note it
M2M = "m2m_changed"
SAVED = "a saved row"
DELETED = "a deleted row"
CASCADE = "a row in a cascade"
BULK = "a bulk operation"
TELLERS = {
    M2M: [m2m_changed],
    SAVED: [pre_save, post_save],
    DELETED: [pre_delete],
    CASCADE: [pre_delete],
    BULK: [bulk_changed, bulk_made],
}
ALL = [signal for signals in TELLERS.values() for signal in signals]


class Way(NamedTuple):
    """A way in which a relation changes."""

    told_by: str
    change: Callable[[Relation], object]


ADDS = {
    "add": Way(M2M, lambda r: r.parts.add(r.absent)),
    "add by pk": Way(M2M, lambda r: r.parts.add(r.absent.pk)),
    "add from the other side": Way(M2M, lambda r: r.owners(r.absent).add(r.owner)),
    "set": Way(M2M, lambda r: r.parts.set([r.present, r.absent])),
    "set from the other side": Way(M2M, lambda r: r.owners(r.absent).set([r.owner])),
    "create": Way(SAVED, lambda r: r.through.objects.create(**r.pair(r.absent))),
    "save": Way(SAVED, lambda r: r.row(r.absent).save()),
    "get_or_create": Way(SAVED, lambda r: r.through.objects.get_or_create(**r.pair(r.absent))),
    "bulk_create": Way(BULK, lambda r: r.through.objects.bulk_create([r.row(r.absent)])),
}
REMOVES = {
    "remove": Way(M2M, lambda r: r.parts.remove(r.present)),
    "remove with an absent one": Way(M2M, lambda r: r.parts.remove(r.present, r.absent)),
    "remove from the other side": Way(M2M, lambda r: r.owners(r.present).remove(r.owner)),
    "clear": Way(M2M, lambda r: r.parts.clear()),
    "clear from the other side": Way(M2M, lambda r: r.owners(r.present).clear()),
    "set to none": Way(M2M, lambda r: r.parts.set([])),
    "set to none, clearing": Way(M2M, lambda r: r.parts.set([], clear=True)),
    "set from the other side": Way(M2M, lambda r: r.owners(r.present).set([])),
    "delete a row": Way(DELETED, lambda r: r.rows().get().delete()),
    "delete rows": Way(DELETED, lambda r: r.rows().delete()),
    "delete the part": Way(CASCADE, lambda r: r.present.delete()),
    "delete parts": Way(CASCADE, lambda r: type(r.present).objects.filter(pk=r.present.pk).delete()),
}
SWAPS = {
    "set to another": Way(M2M, lambda r: r.parts.set([r.absent])),
    "set to another, clearing": Way(M2M, lambda r: r.parts.set([r.absent], clear=True)),
    "update a row's part": Way(BULK, lambda r: r.rows().update(**{r.names[3]: r.absent})),
    "save a row with another part": Way(SAVED, lambda r: point_elsewhere(r).save()),
    "bulk_update": Way(BULK, lambda r: r.through.objects.bulk_update([point_elsewhere(r)], [r.names[3]])),
}
NOTHING = {
    "add what is there": lambda r: r.parts.add(r.present),
    "remove what is not": lambda r: r.parts.remove(r.absent),
    "clear what is empty": lambda r: r.owners(r.absent).clear(),
    "set the same": lambda r: r.parts.set([r.present]),
    "set the same, clearing": lambda r: r.parts.set([r.present], clear=True),
    "save a row as it is": lambda r: r.rows().get().save(),
}
BACK = {
    "add and remove": lambda r: (r.parts.add(r.absent), r.parts.remove(r.absent)),
    "add and clear the other side": lambda r: (r.parts.add(r.absent), r.owners(r.absent).clear()),
    "remove and add": lambda r: (r.parts.remove(r.present), r.parts.add(r.present)),
    "clear and set": lambda r: (r.parts.clear(), r.parts.set([r.present])),
    "delete the row and create it": lambda r: (r.rows().get().delete(), r.row(r.present).save()),
}
CHANGES = [
    *((way, change, (1, 0)) for way, change in ADDS.items()),
    *((way, change, (0, 1)) for way, change in REMOVES.items()),
    *((way, change, (1, 1)) for way, change in SWAPS.items()),
]


def point_elsewhere(relation: Relation) -> Any:
    row = relation.rows().get()
    setattr(row, relation.names[3], relation.absent)
    return row


def one_change(relation: Relation, events, added: int, removed: int) -> None:
    """One event, of this relation, with that net effect."""
    about = [event for event in events if event.key.startswith(("book.", "post.")) and event.kind != "desk.changed"]
    assert [event.kind for event in about] == [relation.kind]
    data = events.data(relation.kind)
    if relation.kind == "post.likes.changed":
        assert data["likes"] == 1 + added - removed
        return
    assert (len(data["added"]), len(data["removed"]), data["changed"]) == (added, removed, [])
    now = data["book"]["authors"] if "book" in data else data["post"]["tags"]
    assert len(now) == 1 + added - removed


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize(("way", "change", "effect"), CHANGES)
def test_a_change_is_announced_once(make, way, change, effect):
    relation = make()
    with captured_events() as events:
        change.change(relation)
    one_change(relation, events, *effect)


@contextmanager
def deaf(through: type[Any], *signals: Any) -> Iterator[None]:
    """Disconnects all that listens to these signals of the through model."""
    kept = [(signal, signal.receivers) for signal in signals]
    for signal, receivers in kept:
        signal.receivers = [receiver for receiver in receivers if receiver[0][1] != id(through)]
        signal.sender_receivers_cache.clear()
    try:
        yield
    finally:
        for signal, receivers in kept:
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()


def noted(relation: Relation) -> int:
    """How many changes of the relation the transaction would announce."""
    hooks = [hook for _, hook, _ in connection.run_on_commit]
    return sum(isinstance(hook, PendingChange) and hook.kind == relation.kind for hook in hooks)


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize(("way", "change", "effect"), CHANGES)
def test_a_change_is_told_by_its_teller_alone(make, way, change, effect):
    """Where nothing listens to that, nothing is told; where nothing listens to anything else, all is."""
    own = TELLERS[change.told_by]
    with transaction.atomic():
        relation = make()
        before = noted(relation)
        with deaf(relation.through, *own):
            change.change(relation)
        assert noted(relation) == before
        transaction.set_rollback(True)
    relation = make()
    with deaf(relation.through, *(signal for signal in ALL if signal not in own)), captured_events() as events:
        change.change(relation)
    one_change(relation, events, *effect)


@pytest.mark.parametrize("through", [Authorship, Tagging, Like])
def test_m2m_changed_is_listened_to(through):
    assert m2m_changed.has_listeners(through)


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize("way", NOTHING | BACK)
def test_no_net_effect_is_no_event(make, way):
    relation = make()
    with captured_events() as events, transaction.atomic():
        (NOTHING | BACK)[way](relation)
    assert events == []


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize(("way", "change", "effect"), CHANGES)
def test_what_is_rolled_back_is_never_announced(make, way, change, effect):
    relation = make()
    with captured_events() as events:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            change.change(relation)
            1 / 0
    assert events == []


@pytest.mark.parametrize("make", RELATIONS)
def test_a_savepoint_that_rolls_back_takes_only_its_own_part(make):
    relation = make()
    with captured_events() as events, transaction.atomic():
        relation.parts.add(relation.absent)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            relation.parts.clear()
            1 / 0
    one_change(relation, events, added=1, removed=0)


def test_one_event_for_each_book_that_an_author_joins():
    author = Author.objects.create(name="Ada")
    books = [Book.objects.create(title=f"{n}") for n in range(3)]
    with captured_events() as events:
        author.books.add(*books)
    assert sorted(event.key for event in events) == sorted(f"book.{book.pk}" for book in books)
    assert set(events.kinds()) == {"book.authors.changed"}


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(contribution="editor"),
        lambda rows: [setattr(row, "contribution", "editor") or row.save() for row in rows],
        lambda rows: rows.update(order=3),
    ],
)
def test_a_role_or_an_order_that_changes_is_announced(change):
    relation = authors_of_a_book()
    with captured_events() as events:
        change(Authorship.objects.filter(book=relation.owner))
    data = events.data("book.authors.changed")
    assert (data["added"], data["removed"], len(data["changed"])) == ([], [], 1)


def test_what_was_removed_keeps_its_name_though_its_author_is_gone():
    relation = authors_of_a_book()
    with captured_events() as events:
        relation.present.delete()
    assert [author["name"] for author in events.data("book.authors.changed")["removed"]] == ["Ada"]


def test_rows_that_come_back_keep_their_names_when_they_go_again():
    relation = authors_of_a_book()
    rows = relation.rows()
    rows.delete()
    relation.parts.add(relation.present)
    with captured_events() as events:
        rows.delete()
    assert [author["name"] for author in events.data("book.authors.changed")["removed"]] == ["Ada"]


def test_a_book_that_goes_in_the_same_transaction_is_only_withdrawn():
    relation = authors_of_a_book()
    with captured_events() as events, transaction.atomic():
        relation.parts.add(relation.absent)
        relation.owner.delete()
    assert events.kinds() == ["book.withdrawn"]
    assert events.data("book.withdrawn")["deleted"]


def test_long_lists_are_cut_and_the_rest_is_counted():
    book = Book.objects.create(title="Everybody")
    authors = Author.objects.bulk_create([Author(name=f"{n}") for n in range(130)])
    with captured_events() as events:
        book.authors.add(*authors)
    data = events.data("book.authors.changed")
    assert (len(data["added"]), data["more"], len(data["book"]["authors"])) == (100, 30, 130)


def test_loaddata_announces_nothing_and_begins_a_new_epoch(tmp_path):
    relation = authors_of_a_book()
    fixture = tmp_path / "book.json"
    fixture.write_text(serializers.serialize("json", [relation.owner, relation.present, *relation.rows()]))
    Key.objects.all().delete()
    before = log.position()
    with captured_events() as events:
        call_command("loaddata", str(fixture), verbosity=0)
    assert events == []
    assert log.position().epoch != before.epoch
    # what it loaded is known: a withdrawal reaches every list it stands in
    with captured_events() as events:
        relation.owner.delete()
    assert set(events[0].left) == {"books", f"author.{relation.present.pk}"}
