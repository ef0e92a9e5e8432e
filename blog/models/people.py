"""Accounts."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager

from realtime.live.announced import Announced, AnnouncedQuerySet


class Accounts(UserManager.from_queryset(AnnouncedQuerySet)):  # type: ignore[misc]
    """Django's manager of users, with announcing bulk operations: update(is_active=False) signs out, too."""

    use_in_migrations = False


class User(AbstractUser, Announced):
    """An account. Every change of its access is announced (blog/account_signals.py)."""

    objects: ClassVar = Accounts()
