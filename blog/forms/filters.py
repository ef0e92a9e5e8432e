"""The front page's filters."""

from django import forms

from blog.forms.fields import SlugChoiceField
from blog.models import Author, Tag


class FilterForm(forms.Form):
    """`?tag=&author=` of the front page: a tag by its slug, an author by its number."""

    tag = SlugChoiceField(Tag.objects.all(), required=False)
    author = forms.ModelChoiceField(Author.objects.all(), required=False)
