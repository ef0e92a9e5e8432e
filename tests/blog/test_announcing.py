"""Law: every way in which a relation changes is announced, once, with its net effect.

A table: each way x each relation x both sides; the same rolled back; and there and back again.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import transaction

from blog.models import Author, Authorship, Book, Like, Post, Tag, Tagging, User
from realtime import log
from realtime.models import Key
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

    def row(self, part):
        return self.through(**{self.names[2]: self.owner, self.names[3]: part})

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

ADDS = {
    "add": lambda r: r.parts.add(r.absent),
    "add by pk": lambda r: r.parts.add(r.absent.pk),
    "add from the other side": lambda r: r.owners(r.absent).add(r.owner),
    "set": lambda r: r.parts.set([r.present, r.absent]),
    "set from the other side": lambda r: r.owners(r.absent).set([r.owner]),
    "create": lambda r: r.through.objects.create(**{r.names[2]: r.owner, r.names[3]: r.absent}),
    "save": lambda r: r.row(r.absent).save(),
    "get_or_create": lambda r: r.through.objects.get_or_create(**{r.names[2]: r.owner, r.names[3]: r.absent}),
    "bulk_create": lambda r: r.through.objects.bulk_create([r.row(r.absent)]),
}
REMOVES = {
    "remove": lambda r: r.parts.remove(r.present),
    "remove with an absent one": lambda r: r.parts.remove(r.present, r.absent),
    "remove from the other side": lambda r: r.owners(r.present).remove(r.owner),
    "clear": lambda r: r.parts.clear(),
    "clear from the other side": lambda r: r.owners(r.present).clear(),
    "set to none": lambda r: r.parts.set([]),
    "set to none, clearing": lambda r: r.parts.set([], clear=True),
    "set from the other side": lambda r: r.owners(r.present).set([]),
    "delete a row": lambda r: r.rows().get().delete(),
    "delete rows": lambda r: r.rows().delete(),
    "delete the part": lambda r: r.present.delete(),
    "delete parts": lambda r: type(r.present).objects.filter(pk=r.present.pk).delete(),
}
SWAPS = {
    "set to another": lambda r: r.parts.set([r.absent]),
    "set to another, clearing": lambda r: r.parts.set([r.absent], clear=True),
    "update a row's part": lambda r: r.rows().update(**{r.names[3]: r.absent}),
    "save a row with another part": lambda r: point_elsewhere(r).save(),
    "bulk_update": lambda r: r.through.objects.bulk_update([point_elsewhere(r)], [r.names[3]]),
}
NOTHING = {
    "add what is there": lambda r: r.parts.add(r.present),
    "remove what is not": lambda r: r.parts.remove(r.absent),
    "set the same": lambda r: r.parts.set([r.present]),
    "save a row as it is": lambda r: r.rows().get().save(),
}
BACK = {
    "add and remove": lambda r: (r.parts.add(r.absent), r.parts.remove(r.absent)),
    "add and clear the other side": lambda r: (r.parts.add(r.absent), r.owners(r.absent).clear()),
    "remove and add": lambda r: (r.parts.remove(r.present), r.parts.add(r.present)),
    "clear and set": lambda r: (r.parts.clear(), r.parts.set([r.present])),
    "delete the row and create it": lambda r: (r.rows().get().delete(), r.row(r.present).save()),
}


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
@pytest.mark.parametrize("way", ADDS)
def test_a_part_that_comes_is_announced(make, way):
    relation = make()
    with captured_events() as events:
        ADDS[way](relation)
    one_change(relation, events, added=1, removed=0)


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize("way", REMOVES)
def test_a_part_that_goes_is_announced(make, way):
    relation = make()
    with captured_events() as events:
        REMOVES[way](relation)
    one_change(relation, events, added=0, removed=1)


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize("way", SWAPS)
def test_one_for_another_is_one_event(make, way):
    relation = make()
    with captured_events() as events:
        SWAPS[way](relation)
    one_change(relation, events, added=1, removed=1)


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize("way", NOTHING | BACK)
def test_no_net_effect_is_no_event(make, way):
    relation = make()
    with captured_events() as events, transaction.atomic():
        (NOTHING | BACK)[way](relation)
    assert events == []


@pytest.mark.parametrize("make", RELATIONS)
@pytest.mark.parametrize("way", ADDS | REMOVES | SWAPS)
def test_what_is_rolled_back_is_never_announced(make, way):
    relation = make()
    with captured_events() as events:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            (ADDS | REMOVES | SWAPS)[way](relation)
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
