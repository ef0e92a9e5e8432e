"""Posts and their revisions."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from blog import permissions
from blog.forms.fields import LineField, ProseField, TagsField
from blog.models import Post, Revision
from blog.publishing import revisions, tagging


class PostAdminForm(forms.ModelForm):
    """A post with all its fields, its state included."""

    tags_text = TagsField(label=_("Tags"), required=False, help_text=_("Names, with commas between them."))

    class Meta:
        model = Post
        fields = (
            "title",
            "text",
            "byline",
            "state",
            "published_date",
            "reason",
            "pinned",
            "key_event",
            "urgent",
            "book",
            "chapter",
        )
        field_classes: ClassVar = {"title": LineField, "text": ProseField, "reason": LineField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial.setdefault("tags_text", tagging.format_names(self.instance.tags.all()))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        state, date = cleaned.get("state"), cleaned.get("published_date")
        if state == Post.State.SCHEDULED and not date:
            self.add_error("published_date", _("A scheduled post needs its time."))
        if state == Post.State.PUBLISHED and date and date > timezone.now():
            self.add_error("published_date", _("This time is still to come: make the post a scheduled one."))
        return cleaned


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    """Posts that the person may edit; their state, for those who may publish."""

    form = PostAdminForm
    list_display = ("title", "state", "byline", "book", "published_date", "pinned", "key_event", "urgent")
    list_filter = ("state", "pinned", "key_event", "urgent", "published_date")
    list_select_related = ("byline", "book")
    search_fields = ("title", "text", "byline__name", "tags__name")
    date_hierarchy = "published_date"
    autocomplete_fields = ("byline", "book")
    readonly_fields = ("author", "withdrawn", "source", "created", "updated")
    fieldsets = (
        (None, {"fields": ("title", "text", "tags_text", "byline")}),
        (_("Where it stands"), {"fields": ("state", "published_date", "reason", "pinned", "key_event", "urgent")}),
        (_("Book"), {"fields": ("book", "chapter")}),
        (_("Record"), {"fields": ("author", "withdrawn", "source", "created", "updated")}),
    )
    actions = ("publish_selected", "withdraw_selected")

    def get_readonly_fields(self, request: HttpRequest, obj: Post | None = None) -> tuple[str, ...]:
        given = tuple(self.readonly_fields)
        return given if permissions.may_publish(request.user) else (*given, "state", "published_date")

    def has_change_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        mine = obj is None or permissions.may_edit(request.user, obj)
        return mine and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Post | None = None) -> bool:
        mine = obj is None or permissions.may_edit(request.user, obj)
        return mine and super().has_delete_permission(request, obj)

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Returns whether the person may use the actions below."""
        return permissions.may_publish(request.user)

    def save_model(self, request: HttpRequest, obj: Post, form: forms.ModelForm, change: bool) -> None:
        """Saves the post; one that is published or withdrawn here gets its date, as on the pages."""
        if not change:
            obj.author = permissions.account(request)
        if obj.state == Post.State.PUBLISHED:
            obj.publish()
        elif obj.state == Post.State.WITHDRAWN and obj.withdrawn is None:
            obj.withdraw(obj.reason)
        else:
            obj.save()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.tags.set(tagging.get_or_create_tags(form.cleaned_data["tags_text"]))
        revisions.record(form.instance, permissions.account(request))

    @admin.action(description=_("Publish selected posts"), permissions=["publish"])
    @transaction.atomic
    def publish_selected(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        """Publishes the chosen posts that the person may edit."""

        def publish(post: Post) -> None:
            if post.published_date and post.published_date > timezone.now():
                post.published_date = None
            post.publish()
            revisions.record(post, permissions.account(request))

        count = self._each(request, queryset.exclude(state=Post.State.PUBLISHED), publish)
        text = ngettext("%(count)d post was published.", "%(count)d posts were published.", count)
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Withdraw selected posts"), permissions=["publish"])
    @transaction.atomic
    def withdraw_selected(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        """Withdraws the chosen posts that the person may edit."""
        count = self._each(request, queryset.filter(state=Post.State.PUBLISHED), Post.withdraw)
        text = ngettext("%(count)d post was withdrawn.", "%(count)d posts were withdrawn.", count)
        messages.success(request, text % {"count": count})

    def _each(self, request: HttpRequest, posts: models.QuerySet, act: Callable[[Post], Any]) -> int:
        """Locks the posts in one order and calls `act` with those that the person may edit; returns how many."""
        # by pk: a search may have joined tables that cannot be locked
        locked = Post.objects.filter(pk__in=posts.values("pk")).order_by("pk").select_for_update(no_key=True)
        mine = [post for post in locked if permissions.may_edit(request.user, post)]
        for post in mine:
            act(post)
        return len(mine)


@admin.register(Revision)
class RevisionAdmin(admin.ModelAdmin):
    """Revisions, to read. They are never changed, and deleted with their post."""

    list_display = ("post", "title", "by", "time")
    list_select_related = ("post", "by")
    search_fields = ("title", "text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
