"""Accounts. Only a superuser gives rights: a person who may edit accounts could otherwise take every right."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest

from blog.models import User

PERMISSION_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")


class NewAccountForm(AdminUserCreationForm):
    """Django's form for a new account, of our model."""

    class Meta(AdminUserCreationForm.Meta):
        model = User


class AccountForm(UserChangeForm):
    """Django's form for an account, of our model."""

    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class AccountAdmin(UserAdmin):
    """Accounts; those of superusers are for superusers only."""

    form = AccountForm
    add_form = NewAccountForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        given = tuple(super().get_readonly_fields(request, obj))
        return given if request.user.is_superuser else given + PERMISSION_FIELDS

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_touch(request, obj) and super().has_delete_permission(request, obj)

    def _may_touch(self, request: HttpRequest, account: User | None) -> bool:
        return account is None or request.user.is_superuser or not account.is_superuser
