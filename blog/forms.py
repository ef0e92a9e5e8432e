"""What people type, checked and normalised: NFC, so that one word has one spelling; LF for lines."""

import unicodedata
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from blog import permissions
from blog.models import Author, Book, Post, Tag, User
from blog.publishing import revisions, tagging


class LineField(forms.CharField):
    """One line: any white space in it is one blank."""

    def to_python(self, value: Any) -> str:
        # before the length is checked: a decomposed syllable counts as three characters
        return " ".join(unicodedata.normalize("NFC", super().to_python(value) or "").split())


class ProseField(forms.CharField):
    """Lines of text, ended by LF; the first one keeps its indentation, which Markdown reads."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})

    def to_python(self, value: Any) -> str:
        text = unicodedata.normalize("NFC", super().to_python(value) or "")
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        return lines.strip("\n") if lines.strip() else ""


class TagsField(LineField):
    """The names of tags, between commas."""

    def clean(self, value: Any) -> list[str]:
        try:
            return tagging.names_in(super().clean(value))
        except tagging.BadTag as bad:
            raise ValidationError(_("“%(name)s” cannot be a tag."), params={"name": bad.name}) from bad


class Action(models.TextChoices):
    """What the button does. Without one a post is published."""

    PUBLISH = "publish", _("Publish")
    DRAFT = "draft", _("Save as draft")
    SCHEDULE = "schedule", _("Schedule")


class PostForm(forms.ModelForm):
    """Writes or edits a post as `by`. Sent only title and text, it leaves the rest as it was.

    What has been published keeps its date and its state: a page that was opened before somebody
    withdrew the post cannot publish it again, nor can one opened while it was a draft.
    """

    # absent altogether, not merely empty, from a form that has only title and text
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
            # the one it is in stays, whatever became of it
            ~Q(state=Book.State.WITHDRAWN) | Q(pk=self.instance.book_id)
        )
        if self.instance.pk:
            self.initial.setdefault("tags_text", tagging.as_text(self.instance.tags.all()))
        if self.has_been_public:
            del self.fields["published_date"]
        if self.is_bound and "tags_text" not in self.data:
            for name in self.rest:
                self.fields.pop(name, None)

    @property
    def has_been_public(self) -> bool:
        return self.instance.state in (Post.State.PUBLISHED, Post.State.WITHDRAWN)

    @property
    def action(self) -> str:
        return self.data.get("action") or Action.PUBLISH

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.action not in Action.values:
            raise ValidationError(_("This form has no such button."))
        if not self.has_been_public and "published_date" not in self.errors:
            self._check_date(cleaned)
        return cleaned

    def _check_date(self, cleaned: dict[str, Any]) -> None:
        asked = "published_date" in self.fields
        date = cleaned.get("published_date") if asked else self.instance.published_date
        ahead = date is not None and date > timezone.now()
        if self.action == Action.SCHEDULE and not ahead:
            self.add_error(
                "published_date" if asked else None, _("To schedule a post, give it a time that is still to come.")
            )
        if self.action == Action.PUBLISH and ahead and asked:
            self.add_error(
                "published_date",
                _("This time is still to come: schedule the post, or leave the time empty to publish now."),
            )

    def save(self, commit: bool = True) -> Post:
        """Saves, and moves the post as the button says. In one transaction, one event follows."""
        post: Post = super().save(commit=False)
        if post._state.adding:
            post.author = self.by
        if self.has_been_public:
            post.save()
        else:
            self._move(post)
        if "tags_text" in self.cleaned_data:
            post.tags.set(tagging.tags_named(self.cleaned_data["tags_text"]))
        revisions.record(post, self.by)
        return post

    def _move(self, post: Post) -> None:
        if self.action == Action.DRAFT:
            post.state = Post.State.DRAFT
            post.save()
        elif not permissions.may_publish(self.by):
            post.state = Post.State.SUBMITTED
            post.save()
        elif self.action == Action.SCHEDULE:
            post.state = Post.State.SCHEDULED
            post.save()
        else:
            if post.published_date and post.published_date > timezone.now():
                post.published_date = None  # scheduled so far, published now
            post.publish()


class WithdrawForm(forms.Form):
    """Why a post goes. For everyone to read."""

    reason = LineField(label=_("Reason"), required=False, max_length=200)


class SlugChoiceField(forms.ModelChoiceField):
    """One of the rows, by its slug."""

    def __init__(self, queryset: models.QuerySet, **kwargs: Any) -> None:
        super().__init__(queryset, to_field_name="slug", **kwargs)

    def to_python(self, value: Any) -> Any:
        return super().to_python(unicodedata.normalize("NFC", value or ""))


class FilterForm(forms.Form):
    """`?tag=&author=` on the front page: a tag by its slug, an author by number."""

    tag = SlugChoiceField(Tag.objects.all(), required=False)
    author = forms.ModelChoiceField(Author.objects.all(), required=False)
