"""The demo newsroom: a small harbour town, two days of news, two books.

Its texts are the files beside this one; they are stored as any others, by the models and
blog.importing.importer. Making it again makes only what is missing, and changes nothing that is there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils import timezone

from blog.importing.documents import Document, find_documents, read_document
from blog.importing.importer import Outcome, author_named, source_of, store
from blog.models import Author, Authorship, Book, Post, Publication, Tag, User
from blog.models.books import unicode_slug

FOLDER = Path(__file__).parent
PASSWORD = "stop-press"
_RELATIVE_TIME = re.compile(r"(\d+) (minutes|hours) ago")


@dataclass(frozen=True)
class Newsroom:
    """The contents of newsroom.yaml."""

    publication: Mapping[str, str]
    people: list[Mapping[str, Any]]
    authors: list[str]
    tags: list[str]
    books: list[Mapping[str, Any]]


def open_newsroom() -> None:
    """Makes the people, tags, books and the publication that are missing."""
    newsroom = Newsroom(**yaml.safe_load((FOLDER / "newsroom.yaml").read_text("utf-8")))
    for person in newsroom.people:
        _person(person)
    for name in newsroom.authors:
        author_named(name)
    for name in newsroom.tags:
        Tag.objects.get_or_create(slug=unicode_slug(name), defaults={"name": name})
    for book in newsroom.books:
        _book(book)
    if not Publication.objects.exists():
        Publication.objects.create(**newsroom.publication)


def post_files() -> list[Path]:
    """Returns the files of the demo's posts, oldest news first."""
    now = timezone.now()
    return sorted(
        find_documents(FOLDER / "posts"),
        key=lambda path: _moment((read_document(path, path.name).meta or {})["at"], now),
    )


def publish_posts(paths: list[Path]) -> Iterator[tuple[Post, Outcome]]:
    """Publishes the posts of these files, each in a transaction of its own."""
    now = timezone.now()
    for path in paths:
        yield _post(read_document(path, source_of(path, FOLDER / "posts", "demo")), now)


@transaction.atomic
def _person(person: Mapping[str, Any]) -> None:
    """Makes an account and its byline; one that exists keeps its password and its rights."""
    first, last = person["name"]
    user, made = User.objects.get_or_create(
        username=person["username"],
        defaults={"first_name": first, "last_name": last, "is_staff": person.get("staff", False)},
    )
    if not made:
        return
    user.set_password(PASSWORD)
    user.save()
    ours = Permission.objects.filter(content_type__app_label="blog")
    may = person.get("may", [])
    user.user_permissions.set(ours if may == "all" else ours.filter(codename__in=may))
    Author.objects.create(user=user, name=f"{first} {last}")


@transaction.atomic
def _book(description: Mapping[str, Any]) -> None:
    title = description["title"]
    if Book.objects.filter(title=title).exists():
        return
    book = Book.objects.create(title=title)
    for order, author in enumerate(description["authors"], start=1):
        Authorship.objects.create(
            book=book,
            author=author_named(author["name"]),
            contribution=author["contribution"],
            order=order,
        )


@transaction.atomic
def _post(document: Document, now: datetime) -> tuple[Post, Outcome]:
    """Makes a post, with the book, flags and likes that only the demo's front matter has."""
    says = document.meta or {}
    byline = Author.objects.filter(name=document.author).select_related("user").first()
    writer = byline.user if byline and byline.user else User.objects.get(username="ada")
    post, outcome = store(replace(document, date=_moment(says["at"], now)), writer)
    if outcome is Outcome.PUBLISHED:
        post.book = Book.objects.filter(title=says.get("book")).first()
        post.chapter = says.get("chapter")
        post.pinned, post.key_event, post.urgent = (bool(says.get(mark)) for mark in ("pinned", "key_event", "urgent"))
        post.save()
        post.liked_by.set(User.objects.filter(username__in=says.get("likes", [])))
    return post, outcome


def _moment(at: str, now: datetime) -> datetime:
    """Returns the moment of "18 minutes ago", or of "-2 19:40": two days ago at that time."""
    if ago := _RELATIVE_TIME.fullmatch(at):
        return now - timedelta(**{ago[2]: int(ago[1])})
    days, clock = at.split()
    day = timezone.localdate(now) + timedelta(days=int(days))
    return timezone.make_aware(datetime.combine(day, time.fromisoformat(clock)))
