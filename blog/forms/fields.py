"""Form fields that check and normalise text: NFC, so that a word has one spelling; LF ends lines."""

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from blog.publishing import tagging


class LineField(forms.CharField):
    """One line of text: any white space in it becomes one blank."""

    def to_python(self, value: Any) -> str:
        # before the length is checked: a decomposed syllable counts as three characters
        return " ".join(unicodedata.normalize("NFC", super().to_python(value) or "").split())


class ProseField(forms.CharField):
    """Lines of text, ended by LF; the first keeps its indentation, which Markdown reads."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "strip": False})

    def to_python(self, value: Any) -> str:
        text = unicodedata.normalize("NFC", super().to_python(value) or "")
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
        return lines.strip("\n") if lines.strip() else ""


class TagsField(LineField):
    """Names of tags, between commas; cleans to a list of names."""

    def clean(self, value: Any) -> list[str]:
        try:
            return tagging.parse_names(super().clean(value))
        except tagging.BadTag as bad:
            raise ValidationError(_("“%(name)s” cannot be a tag."), params={"name": bad.name}) from bad


class SlugChoiceField(forms.ModelChoiceField):
    """A row of the queryset, chosen by its slug."""

    def __init__(self, queryset: models.QuerySet, **kwargs: Any) -> None:
        super().__init__(queryset, to_field_name="slug", **kwargs)

    def to_python(self, value: Any) -> Any:
        return super().to_python(unicodedata.normalize("NFC", value or ""))
