from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager

from realtime.live.announced import Announced, AnnouncedQuerySet


class Accounts(UserManager.from_queryset(AnnouncedQuerySet)):  # type: ignore[misc]
    """Django's, whose bulk operations announce: an account deactivated by update() is signed out too."""

    use_in_migrations = False


class User(AbstractUser, Announced):
    """An account. Whatever takes or gives it access is announced (blog/account_signals.py)."""

    objects: ClassVar = Accounts()
