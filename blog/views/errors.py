"""Pages that say no, in the publication's dress."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import page_not_found, permission_denied, server_error

from blog import permissions
from blog.models import Book, Post
from blog.state import Withdrawn
from realtime import log

# Django's own render 403.html, 404.html and, without a request, 500.html
handler403 = permission_denied
handler404 = page_not_found
handler500 = server_error


def gone(request: HttpRequest, post: Post) -> HttpResponse:
    """410: what is left of a withdrawn post. Who may edit it finds the way back here."""
    version = log.versions([f"post.{post.pk}"]).get(f"post.{post.pk}", 0)
    context = {
        "gone": Withdrawn(post.pk, post.withdrawn or post.updated, post.reason, False, version),
        "may_edit": permissions.may_edit(request.user, post),
        "may_restore": permissions.may_edit(request.user, post) and permissions.may_publish(request.user),
    }
    return render(request, "410.html", context, status=410)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that did not come from a page of ours, or whose page has been open for too long."""
    return render(request, "403.html", {"reason": reason, "forged": True}, status=403)
