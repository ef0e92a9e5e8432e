"""Fragments on pages, rendered once for each state, as the edge renders them once for each event.

A fragment reads nothing but its one variable, and that is a value (blog/state.py): where it equals one
that was rendered before, so does the HTML. A page of 50 posts whose posts have not changed costs little
more than reading them.
"""

from collections.abc import Hashable
from functools import lru_cache

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

KEPT = 1000  # of some 2 KB each: the newest 20 pages, or as many in several languages

register = template.Library()


@register.simple_tag
def fragment(name: str, **variable: Hashable) -> SafeString:
    """`{% fragment "blog/post/entry.html" post=post %}`: like an include `with post=post only`."""
    ((called, state),) = variable.items()
    # whoever edits templates wants to see them
    render = _rendered.__wrapped__ if settings.DEBUG else _rendered
    return render(name, called, state, get_language(), get_current_timezone_name())


@lru_cache(maxsize=KEPT)
def _rendered(name: str, called: str, state: Hashable, language: str | None, zone: str) -> SafeString:
    return render_to_string(name, {called: state})
