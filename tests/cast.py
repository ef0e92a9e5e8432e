"""One cast for every test: ada writes, ben edits and is staff, cleo only reads; dan writes but may not publish."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission

from blog.models import Post, User

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def ada() -> User:
    return _person("ada", "add_post", "change_post", "publish_post")


def ben() -> User:
    person = _person("ben")
    person.is_staff = True
    person.save()
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="blog"))
    return person


def cleo() -> User:
    return _person("cleo")


def dan() -> User:
    return _person("dan", "add_post", "change_post")


def a_post(author: User, title: str = "The pier holds", **fields: Any) -> Post:
    """A public post, unless its state says otherwise."""
    return Post.objects.create(
        **{"author": author, "title": title, "text": "It held all night.", "state": "published", "published_date": NOON}
        | fields
    )


def posts(author: User, count: int, **fields: Any) -> list[Post]:
    """As many public posts, each a minute later than the one before."""
    return [
        a_post(author, f"Post {number}", published_date=NOON + timedelta(minutes=number), **fields)
        for number in range(1, count + 1)
    ]


def _person(name: str, *permissions: str) -> User:
    person = User.objects.create_user(name, first_name=name.title())
    found = Permission.objects.filter(content_type__app_label="blog", codename__in=permissions)
    person.user_permissions.set(found)
    return person
