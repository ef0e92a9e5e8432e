"""Makes posts of documents, live; a post remembers its file (`source`), so that none is made twice.

A post keeps its own `date`, `author` or `tags` where the front matter has none. An edit made here
stays until the file itself changes (`source_digest`); a withdrawn post stays withdrawn.
"""

import enum
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from blog.importing.documents import Document, Unreadable, read_document
from blog.models import Author, Post, Tag, User
from blog.models.books import unicode_slug
from blog.publishing import revisions
from blog.publishing.tagging import get_or_create_tags

MAX_SOURCE_LENGTH = 300  # characters; as in the model


class Outcome(enum.StrEnum):
    """What happened to a file."""

    PUBLISHED = "published"
    SCHEDULED = "scheduled"
    DRAFTED = "kept as a draft"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    WITHDRAWN = "left withdrawn"
    SKIPPED = "skipped"


class Imported(NamedTuple):
    """One file and its outcome. `about` is the title, or the reason why it was skipped."""

    source: str
    outcome: Outcome
    about: str


class NoAccount(Exception):
    """No account can be imported as; the message says why in a sentence."""


def importing_account(username: str | None = None) -> User:
    """Returns the account named, else the first superuser, else the first account that may publish.

    Raises NoAccount where there is none, or where the one named may not publish.
    """
    if username is not None:
        person = User.objects.filter(username=username, is_active=True).first()
        if person is None:
            raise NoAccount(f"There is no account {username!r}.")
        if not person.has_perm("blog.publish_post"):
            raise NoAccount(f"{username} may not publish: give that account the permission first.")
        return person
    writers = User.objects.with_perm("blog.publish_post", backend=settings.AUTHENTICATION_BACKENDS[0])
    first = writers.order_by("-is_superuser", "pk").first()
    if first is None:
        raise NoAccount("No account may publish yet: make one with `manage.py createsuperuser`.")
    return first


def import_files(paths: Iterable[Path], folder: Path, by: User, collection: str = "") -> Iterator[Imported]:
    """Imports one file after the other, each in a transaction of its own; yields their outcomes."""
    seen: set[str] = set()
    for path in paths:
        source = source_of(path, folder, collection)
        try:
            if source in seen:
                raise Unreadable("Another file has the same name, spelled with other characters.")
            seen.add(source)
            stored = store(read_document(path, source), by)
            yield Imported(source, stored.outcome, stored.post.title)
        except Unreadable as problem:
            yield Imported(source, Outcome.SKIPPED, str(problem))


def source_of(path: Path, folder: Path, collection: str = "") -> str:
    """Returns a file's identity: its path inside the folder, so that the folder may be moved."""
    inside = path.relative_to(folder).as_posix()
    return unicodedata.normalize("NFC", f"{collection}:{inside}" if collection else inside)


class Stored(NamedTuple):
    """A post, and what happened to its file."""

    post: Post
    outcome: Outcome


@transaction.atomic
def store(document: Document, by: User) -> Stored:
    """Makes the post of a document, or updates it where the file has changed."""
    if len(document.source) > MAX_SOURCE_LENGTH:
        raise Unreadable(f"Its path is longer than {MAX_SOURCE_LENGTH} characters.")
    post = Post.objects.select_for_update(no_key=True).filter(source=document.source).first()
    if post is None:
        return _made(document, by)
    if post.state == Post.State.WITHDRAWN:
        return Stored(post, Outcome.WITHDRAWN)
    if post.source_digest == document.digest:
        return Stored(post, Outcome.UNCHANGED)
    return Stored(post, _updated(post, document, by))


def _made(document: Document, by: User) -> Stored:
    state, date = _state(document)
    post = Post(
        title=document.title,
        text=document.text,
        author=by,
        byline=_byline(document),
        state=state,
        published_date=date,
        source=document.source,
        source_digest=document.digest,
    )
    post.save()
    if document.tags:
        post.tags.set(_tags(document.tags))
    revisions.record(post, by)
    outcomes = {Post.State.DRAFT: Outcome.DRAFTED, Post.State.SCHEDULED: Outcome.SCHEDULED}
    return Stored(post, outcomes.get(state, Outcome.PUBLISHED))


def _state(document: Document) -> tuple[Post.State, datetime | None]:
    """Returns a post's state and date: a draft, a scheduled post where its date is to come, else a public one."""
    if document.draft:
        return Post.State.DRAFT, document.date
    now = timezone.now()
    if document.date is not None and document.date > now:
        return Post.State.SCHEDULED, document.date
    return Post.State.PUBLISHED, document.date or now


def _updated(post: Post, document: Document, by: User) -> Outcome:
    """Writes only the fields that differ; publishes a post whose file is a draft no longer."""
    said: dict[str, object] = {"title": document.title, "text": document.text}
    if document.date is not None:
        said["published_date"] = document.date
    if document.author is not None:
        said["byline"] = _byline(document)
    if post.state == Post.State.DRAFT and not document.draft:
        said["state"], said["published_date"] = _state(document)
    changed = [name for name, value in said.items() if getattr(post, name) != value]
    tags = None if document.tags is None else _tags(document.tags)
    retagged = tags is not None and set(tags) != set(post.tags.all())
    if changed:
        for name in changed:
            setattr(post, name, said[name])
        post.save(update_fields=[*changed, "updated"])
    if tags is not None and retagged:
        post.tags.set(tags)
    revisions.record(post, by)
    # readers do not see it: written beside save(), so that it alone publishes no event
    QuerySet(Post).filter(pk=post.pk).update(source_digest=document.digest)
    return Outcome.UPDATED if changed or retagged else Outcome.UNCHANGED


def _byline(document: Document) -> Author | None:
    """Returns the author that the file names; None where it names none, for that of the account."""
    return None if document.author is None else author_named(document.author)


def author_named(name: str) -> Author:
    """Returns the first author of that name, made where there is none."""
    known: Author | None = Author.objects.filter(name=name).order_by("pk").first()
    return known or Author.objects.create(name=name)


def _tags(names: Iterable[str]) -> list[Tag]:
    """Returns the tags of these names. A name without a letter or digit has no slug, and is left out."""
    return get_or_create_tags(name for name in names if unicode_slug(name))
