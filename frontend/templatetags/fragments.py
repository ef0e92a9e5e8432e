"""Fragments on pages: rendered once for each state, as the edge renders them once for each event.

A fragment reads nothing but its one variable, which is a value (blog/state.py): equal states have equal
HTML, which is kept. A page of 50 posts that have not changed costs little more than reading them.
"""

from collections.abc import Hashable
from functools import lru_cache

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

MAX_RENDERED = 1000  # fragments of some 2 KB each: those of 20 pages

register = template.Library()


@register.simple_tag
def fragment(name: str, **variable: Hashable) -> SafeString:
    """Renders `{% fragment "blog/post/entry.html" post=post %}` like an include `with post=post only`."""
    ((called, state),) = variable.items()
    # a person who edits templates wants to see the change
    render = _rendered.__wrapped__ if settings.DEBUG else _rendered
    return render(name, called, state, get_language(), get_current_timezone_name())


@lru_cache(maxsize=MAX_RENDERED)
def _rendered(name: str, called: str, state: Hashable, language: str | None, zone: str) -> SafeString:
    return render_to_string(name, {called: state})
