"""What Django's own error views do not say: 410, and what became of a form from nowhere.

Those render 403.html, 404.html and, without a request, 500.html.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from blog.models import Book, Post
from blog.state import withdrawn_state


def gone(request: HttpRequest, row: Post | Book, version: int, **context: Any) -> HttpResponse:
    """410: it was here, and was withdrawn. On its topic the page hears when it comes back."""
    name = row._meta.model_name
    tombstone = {"gone": withdrawn_state(row, version), "tombstone": f"blog/{name}/tombstone.html"}
    return render(request, "410.html", {"topic": f"{name}.{row.pk}", **tombstone, **context}, status=410)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from a page of ours, or whose page has been open for too long."""
    return render(request, "403.html", {"reason": reason, "forged": True}, status=403)
