"""The error pages that Django's own views do not have: 410, and 403 for a form that fails the CSRF check.

Django's render 403.html, 404.html and, without a request, 500.html.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from blog.models import Book, Post
from blog.state import withdrawn_state


def gone(request: HttpRequest, row: Post | Book, version: int, **context: Any) -> HttpResponse:
    """Answers 410 for a withdrawn post or book. The page follows its topic, and shows it when it is restored."""
    name = row._meta.model_name
    tombstone = {"gone": withdrawn_state(row, version), "tombstone": f"blog/{name}/tombstone.html"}
    return render(request, "410.html", {"topic": f"{name}.{row.pk}", **tombstone, **context}, status=410)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answers 403 to a form that did not come from a page of ours, or whose page has been open for too long."""
    return render(request, "403.html", {"reason": reason, "forged": True}, status=403)
