"""Writing, editing and withdrawing posts."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from blog import permissions
from blog.forms.fields import LineField, ProseField, TagsField
from blog.models import Book, Post, User
from blog.publishing import revisions, tagging


class PostAction(models.TextChoices):
    """The action of each button. Without one a post is published."""

    PUBLISH = "publish", _("Publish")
    DRAFT = "draft", _("Save as draft")
    SCHEDULE = "schedule", _("Schedule")


class PostForm(forms.ModelForm):
    """Writes or edits a post as `by`. Where only title and text are sent, the other fields stay as they were.

    A post that has been public keeps its date and its state: a form that was opened before the post was
    withdrawn cannot publish it again, nor can one that was opened while it was a draft.
    """

    # the fields that are absent, not merely empty, where only title and text are sent
    rest = ("tags_text", "book", "chapter", "pinned", "key_event", "urgent", "published_date")

    tags_text = TagsField(label=_("Tags"), required=False, help_text=_("Names, with commas between them."))

    class Meta:
        model = Post
        fields = ("title", "text", "tags_text", "book", "chapter", "pinned", "key_event", "urgent", "published_date")
        field_classes: ClassVar = {"title": LineField, "text": ProseField}
        widgets: ClassVar = {
            "published_date": forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        }

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        books = self.fields["book"]
        assert isinstance(books, forms.ModelChoiceField)
        books.queryset = Book.objects.filter(
            # the book that it is in stays, withdrawn or not
            ~Q(state=Book.State.WITHDRAWN) | Q(pk=self.instance.book_id)
        )
        if self.instance.pk:
            self.initial.setdefault("tags_text", tagging.format_names(self.instance.tags.all()))
        if self.has_been_public:
            del self.fields["published_date"]
        if self.is_bound and "tags_text" not in self.data:
            for name in self.rest:
                self.fields.pop(name, None)

    @property
    def has_been_public(self) -> bool:
        """Whether the post is public, or was withdrawn."""
        return self.instance.state in (Post.State.PUBLISHED, Post.State.WITHDRAWN)

    @property
    def action(self) -> str:
        """The action of the button that was pressed."""
        return self.data.get("action") or PostAction.PUBLISH

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.action not in PostAction.values:
            raise ValidationError(_("This form has no such button."))
        if not self.has_been_public and "published_date" not in self.errors:
            self._check_date(cleaned)
        return cleaned

    def _check_date(self, cleaned: dict[str, Any]) -> None:
        asked = "published_date" in self.fields
        date = cleaned.get("published_date") if asked else self.instance.published_date
        ahead = date is not None and date > timezone.now()
        if self.action == PostAction.SCHEDULE and not ahead:
            self.add_error(
                "published_date" if asked else None, _("To schedule a post, give it a time that is still to come.")
            )
        if self.action == PostAction.PUBLISH and ahead and asked:
            self.add_error(
                "published_date",
                _("This time is still to come: schedule the post, or leave the time empty to publish now."),
            )

    def save(self, commit: bool = True) -> Post:
        """Saves the post in the state that the button asks for; in one transaction one event is published."""
        post: Post = super().save(commit=False)
        if post._state.adding:
            post.author = self.by
        if self.has_been_public:
            post.save()
        else:
            self._move(post)
        if "tags_text" in self.cleaned_data:
            post.tags.set(tagging.get_or_create_tags(self.cleaned_data["tags_text"]))
        revisions.record(post, self.by)
        return post

    def _move(self, post: Post) -> None:
        if self.action == PostAction.DRAFT:
            post.state = Post.State.DRAFT
            post.save()
        elif not permissions.may_publish(self.by):
            post.state = Post.State.SUBMITTED
            post.save()
        elif self.action == PostAction.SCHEDULE:
            post.state = Post.State.SCHEDULED
            post.save()
        else:
            if post.published_date and post.published_date > timezone.now():
                post.published_date = None  # scheduled so far, published now
            post.publish()


class WithdrawForm(forms.Form):
    """The reason for a withdrawal, which every reader sees."""

    reason = LineField(label=_("Reason"), required=False, max_length=200)
