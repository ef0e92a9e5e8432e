"""What Django's own error views do not say: 410, and what became of a form from nowhere.

Those render 403.html, 404.html and, without a request, 500.html.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def gone(request: HttpRequest, topic: str, **context: Any) -> HttpResponse:
    """410: it was here, and was withdrawn. On its `topic` the page hears when it comes back."""
    return render(request, "410.html", {"topic": topic, **context}, status=410)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from a page of ours, or whose page has been open for too long."""
    return render(request, "403.html", {"reason": reason, "forged": True}, status=403)
