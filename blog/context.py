"""The context of every page: the publication, and the rights of the person."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from blog import permissions
from blog.state import publication_state


def publication(request: HttpRequest) -> dict[str, Any]:
    """Returns `publication` and `rights`, which are read when a template first uses them, at most once a request."""
    known = request.__dict__.setdefault("publication_context", {})
    if not known:
        known["publication"] = SimpleLazyObject(publication_state)
        known["rights"] = SimpleLazyObject(lambda: " ".join(sorted(permissions.rights(request.user))))
    return known
