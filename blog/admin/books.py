"""Authors, books with their authorships, tags, editions."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from blog.forms.fields import LineField
from blog.models import Author, Authorship, Book, Edition, Tag
from blog.models.books import unicode_slug


class NamedForm(forms.ModelForm):
    """A form whose names and titles are one line."""

    class Meta:
        field_classes: ClassVar = {"name": LineField, "title": LineField, "contribution": LineField}


class AuthorshipInline(admin.TabularInline):
    """A book's authors and their contributions."""

    model = Authorship
    form = NamedForm
    extra = 1
    autocomplete_fields = ("author",)
    fields = ("author", "contribution", "date_joined", "order")


class EditionInline(admin.TabularInline):
    """The editions that workers have built, to look at."""

    model = Edition
    extra = 0
    fields = readonly_fields = ("number", "file", "built")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Author)
class AuthorAdmin(admin.ModelAdmin):
    """Authors, and the accounts whose bylines they are."""

    form = NamedForm
    list_display = ("name", "user")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    autocomplete_fields = ("user",)


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    """Books, with authorships and editions."""

    form = NamedForm
    list_display = ("title", "slug", "state")
    list_filter = ("state",)
    search_fields = ("title", "slug", "authors__name")
    inlines = (AuthorshipInline, EditionInline)


@admin.register(Authorship)
class AuthorshipAdmin(admin.ModelAdmin):
    """Authorships by themselves."""

    form = NamedForm
    list_display = ("book", "author", "contribution", "date_joined", "order")
    list_select_related = ("book", "author")
    search_fields = ("book__title", "author__name", "contribution")
    autocomplete_fields = ("book", "author")


class TagForm(NamedForm):
    """A tag's name and slug. An empty slug is made of the name; it stays from then on."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.instance._state.adding and not self.errors:
            slug = unicode_slug(cleaned.get("slug") or cleaned["name"])
            if not slug:
                raise ValidationError(_("No address can be made of this name: give it a slug."))
            if Tag.objects.filter(slug=slug).exists():
                raise ValidationError(_("There is a tag with the slug “%(slug)s” already."), params={"slug": slug})
            cleaned["slug"] = slug
        return cleaned


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin):
    """Tags."""

    form = TagForm
    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Tag | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()


@admin.register(Edition)
class EditionAdmin(admin.ModelAdmin):
    """Editions by themselves."""

    list_display = ("book", "number", "file", "built")
    list_select_related = ("book",)
    search_fields = ("book__title",)
    autocomplete_fields = ("book",)
