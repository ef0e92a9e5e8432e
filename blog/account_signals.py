"""Every way in which an account's access can change, connected in one place.

Receivers only note what changes; what it means is told by blog.live.access. Django sends no signal, so
nothing is noted, for rows of automatic through tables that are written as such, and for a permission that
is renamed.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.signals import m2m_changed, pre_delete, pre_save
from django.http import HttpRequest
from django.utils import timezone

from blog.models import User
from realtime import tickets
from realtime.live.announced import bulk_changed
from realtime.publish import publish
from realtime.revocations import KIND

# what of an account decides on its access; a password because a new one ends the account's other sign-ins
FIELDS = ("is_active", "is_staff", "is_superuser", "password")
ACCOUNT, RIGHTS = "account", "rights"  # parts of a pending change; so is the digest of a sign-in that ended


def account_changes(instance: User, using: str, update_fields: Any = None, **kwargs: Any) -> None:
    """Notes, at pre_save, what the account was until now. Signing in saves only its date."""
    if instance.pk is not None and (update_fields is None or not set(update_fields).isdisjoint(FIELDS)):
        accounts_change([instance.pk], using)


def accounts_change(pks: Iterable[Any], using: str, moment: str = "before", **kwargs: Any) -> None:
    """Notes, before update() changes accounts, what they were until now."""
    rows = User._base_manager.using(using).filter(pk__in=pks) if moment == "before" else User._base_manager.none()
    for pk, *was in rows.values_list("pk", *FIELDS):
        publish(KIND, f"user.{pk}", {ACCOUNT: tuple(was)}, using=using)


def account_goes(instance: User, using: str, **kwargs: Any) -> None:
    """Notes, at pre_delete, that the account goes."""
    publish(KIND, f"user.{instance.pk}", using=using)


def holds_change(
    relation: str, instance: Model, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
) -> None:
    """Notes, at m2m_changed, that an account's own groups or permissions change, from either side."""
    if not _tells(action, pk_set):
        return
    if not reverse:
        _rights_change(Q(pk=instance.pk), using)
    else:
        _rights_change(Q(**{relation: instance.pk}) if pk_set is None else Q(pk__in=pk_set), using)


def group_changes(
    instance: Model, action: str, reverse: bool, pk_set: set[Any] | None, using: str, **kwargs: Any
) -> None:
    """Notes, at m2m_changed, that a group's permissions change, from either side."""
    if not _tells(action, pk_set):
        return
    if not reverse:
        _rights_change(Q(groups=instance.pk), using)
    elif pk_set is None:
        _rights_change(Q(groups__permissions=instance.pk), using)
    else:
        _rights_change(Q(groups__in=pk_set), using)


def group_goes(instance: Group, using: str, **kwargs: Any) -> None:
    """Notes, at pre_delete, that the accounts of a group lose what it gave."""
    _rights_change(Q(groups=instance.pk), using)


def permission_goes(instance: Permission, using: str, **kwargs: Any) -> None:
    """Notes, at pre_delete, that accounts lose a permission."""
    _rights_change(Q(user_permissions=instance.pk) | Q(groups__permissions=instance.pk), using)


def session_goes(instance: Session, using: str, **kwargs: Any) -> None:
    """Notes, at pre_delete, that a sign-in ends with its session: by signing out, a new password, an operator."""
    if instance.expire_date > timezone.now() and (user := instance.get_decoded().get("_auth_user_id")):
        _sign_in_ends(user, instance.session_key, using)


def signs_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    """Notes, at user_logged_out, that a sign-in ends, for sessions that are kept elsewhere.

    Where the request is not atomic, that is announced before the session goes.
    """
    if user is not None:
        with transaction.atomic(savepoint=False):
            _sign_in_ends(user.pk, request.session.session_key, "default")


def _tells(action: str, pk_set: set[Any] | None) -> bool:
    """Returns whether an action of m2m_changed is the one to note.

    What was there already is not added; the accounts that lose all are known only before they do.
    """
    return action == "pre_clear" or (action in ("post_add", "post_remove") and bool(pk_set))


def _sign_in_ends(user: Any, session_key: str | None, using: str) -> None:
    publish(KIND, f"user.{user}", {tickets.digest(session_key): True}, using=using)


def _rights_change(whose: Q, using: str) -> None:
    for pk in User._base_manager.using(using).filter(whose).order_by("pk").values_list("pk", flat=True).distinct():
        publish(KIND, f"user.{pk}", {RIGHTS: True}, using=using)


def connect_account_signals() -> None:
    """Connects all receivers. Called once, by the declaration of accounts."""
    _on(pre_save, User, account_changes)
    _on(bulk_changed, User, accounts_change)
    _on(pre_delete, User, account_goes)
    _on(m2m_changed, User.groups.through, partial(holds_change, "groups"))
    _on(m2m_changed, User.user_permissions.through, partial(holds_change, "user_permissions"))
    _on(m2m_changed, Group.permissions.through, group_changes)
    _on(pre_delete, Group, group_goes)
    _on(pre_delete, Permission, permission_goes)
    _on(pre_delete, Session, session_goes)
    _on(user_logged_out, None, signs_out)


def _on(signal: Any, sender: Any, handler: Any) -> None:
    name = sender.__name__ if sender else "anyone"
    signal.connect(handler, sender=sender, weak=False, dispatch_uid=f"blog.account_signals.{name}")
