"""Samples of trained models: tag suggesters."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from blog.models import ModelSample, Post

MAX_COLUMNS = ModelSample._meta.get_field("used_cols").size or 0


def columns() -> list[tuple[str, str]]:
    """Returns the columns that a suggester may have been trained on: three of its own, and those of posts."""
    names = ["name", "date", "status", *(field.attname for field in Post._meta.concrete_fields)]
    return [(name, name) for name in names]


class ModelSampleForm(forms.ModelForm):
    """A sample, with its columns as check boxes."""

    used_cols = forms.MultipleChoiceField(label=_("Used columns"), choices=columns, widget=forms.CheckboxSelectMultiple)
    # It counts on while the form is open: only a number that was changed in the form is written.
    num_of_inference = forms.IntegerField(
        label=_("Number of inferences"), min_value=0, initial=0, show_hidden_initial=True
    )

    class Meta:
        model = ModelSample
        fields = ("path", "num_of_inference", "used_cols", "status", "start_date", "end_date")

    def clean_used_cols(self) -> list[str]:
        """Returns the columns; refuses more than the field holds."""
        ticked: list[str] = self.cleaned_data["used_cols"]
        if len(ticked) > MAX_COLUMNS:
            raise ValidationError(
                _("Tick at most %(most)s columns; these are %(ticked)s."),
                params={"most": MAX_COLUMNS, "ticked": len(ticked)},
            )
        return ticked

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        start, end = cleaned.get("start_date"), cleaned.get("end_date")
        if start and end and end < start:
            self.add_error("end_date", _("The end is before the start."))
        return cleaned


@admin.register(ModelSample)
class ModelSampleAdmin(admin.ModelAdmin):
    """Samples; a change writes only the fields that were changed."""

    form = ModelSampleForm
    list_display = fields = ("path", "num_of_inference", "used_cols", "status", "start_date", "end_date")
    list_filter = ("status",)

    def save_model(self, request: HttpRequest, obj: ModelSample, form: forms.ModelForm, change: bool) -> None:
        if change:
            obj.save(update_fields=form.changed_data)
        else:
            obj.save()
