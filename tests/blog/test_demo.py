"""The demo newsroom is made through the models, and only where its known password does no harm."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from blog.models import Author, Book, Like, Post, Publication, Revision, Tag, User
from realtime import log

ROWS = (Author, Book, Like, Post, Publication, Revision, Tag, User)


def make(**options: bool) -> str:
    out = StringIO()
    call_command("demo", stdout=out, **options)
    return out.getvalue()


def rows() -> list[list[dict[str, object]]]:
    return [list(model._default_manager.order_by("pk").values()) for model in ROWS]


def head() -> int:
    """How many events the log holds by now."""
    connection = log.LogConnection()
    try:
        return connection.advance_and_read(0).head
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_it_is_a_newsroom_and_making_it_again_changes_nothing() -> None:
    printed = make(force=True)
    assert "35 published; 2 books, 8 tags" in printed
    assert "ada, ben, cleo with stop-press" in printed
    _the_people_have_their_rights()
    _the_news_is_of_these_days()
    _the_books_have_authors_in_roles_and_chapters_in_order()
    before, events = rows(), head()
    assert "35 unchanged" in make(force=True)
    assert rows() == before
    assert head() == events


def _the_people_have_their_rights() -> None:
    ada, ben, cleo = (User.objects.get(username=name) for name in ("ada", "ben", "cleo"))
    assert all(person.check_password("stop-press") for person in (ada, ben, cleo))
    assert ada.has_perms(["blog.add_post", "blog.publish_post", "blog.change_post"])
    assert not ada.has_perm("blog.edit_any_post")
    assert ben.is_staff
    assert ben.has_perms(["blog.edit_any_post", "blog.change_book", "blog.delete_authorship"])
    assert not ben.is_superuser
    assert not cleo.get_all_permissions()


def _the_news_is_of_these_days() -> None:
    public = Post.objects.public()
    assert public.count() == 35
    assert public.filter(pinned=True).count() == 1
    assert public.filter(key_event=True).count() >= 5
    assert Like.objects.count() >= 10
    newest, oldest = public.newest_first().first(), public.newest_first().last()
    assert newest.title == "The pier is open"
    assert timezone.now() - timedelta(hours=1) < newest.published_date < timezone.now()
    assert oldest.published_date > timezone.now() - timedelta(days=4)
    assert {post.author.username for post in public} == {"ada", "ben"}
    assert public.get(source="demo:08-gate-turns.md").byline.user.username == "ben"


def _the_books_have_authors_in_roles_and_chapters_in_order() -> None:
    for book in Book.objects.all():
        assert list(book.chapters.order_by("chapter").values_list("chapter", flat=True)) == [1, 2, 3, 4]
        assert all(book.authorship_set.values_list("contribution", flat=True))
    foreword = Book.objects.get(slug="the-night-of-the-long-tide").authorship_set.last()
    assert (foreword.author.name, foreword.contribution) == ("Ingrid Sørby", "foreword")
    assert Book.objects.filter(slug="항구의-사계").exists()


@pytest.mark.django_db
def test_it_is_refused_on_a_database_of_somebody_else() -> None:
    running = {"postgres_url": "postgresql://embedded"}
    for known in ({}, running):
        with override_settings(RUNNING=known), pytest.raises(CommandError, match="password that everybody knows"):
            make()
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_made_on_what_live_embeds() -> None:
    with override_settings(RUNNING={"postgres_url": "postgresql://it"}, POSTGRES_URL="postgresql://it"):
        assert "35 published" in make()


@pytest.mark.django_db(transaction=True)
def test_an_account_of_the_same_name_keeps_its_password() -> None:
    User.objects.create_user("ada", password="her own")
    make(force=True)
    assert User.objects.get(username="ada").check_password("her own")
