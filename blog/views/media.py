"""The files below MEDIA_ROOT: covers and editions are public, the files of trained models for staff."""

import mimetypes
import os
import posixpath
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.utils._os import safe_join
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

PUBLIC_FOLDERS = ("covers", "editions")
STAFF_FOLDERS = ("learner",)
# Types that a browser shows in place. All others are saved: an SVG or a page of HTML may carry a script.
INLINE_TYPES = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp")
# types that some systems' tables lack
TYPES = {".avif": "image/avif", ".epub": "application/epub+zip", ".webp": "image/webp"}


@require_safe
@transaction.non_atomic_requests
def media(request: HttpRequest, path: str) -> HttpResponse:
    """Answers with one file. It is read whole: an edition has few megabytes, and ASGI reads sync streams whole too."""
    normal = posixpath.normpath(path)
    folder = normal.split("/")[0]
    if folder not in PUBLIC_FOLDERS and not (
        folder in STAFF_FOLDERS and request.user.has_perm("blog.view_modelsample")
    ):
        raise Http404("There is no such file.")
    file = _file(normal)
    kind = TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    shown = kind in INLINE_TYPES
    response = HttpResponse(
        file.read_bytes(),
        content_type=kind if shown or kind in TYPES.values() else "application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(not shown, file.name) or "inline",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",  # browsers keep it, and ask each time: an edition may be withdrawn
        },
    )
    stat = file.stat()
    response["ETag"] = etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    return get_conditional_response(request, etag=etag, response=response) or response


@require_safe
@transaction.non_atomic_requests
def favicon(request: HttpRequest) -> HttpResponse:
    """Redirects clients that ask for the icon without reading a page: the admin, feed readers."""
    return redirect(static("img/press.svg"))


def _file(normal: str) -> Path:
    try:
        file = safe_join(settings.MEDIA_ROOT, normal)
    except SuspiciousFileOperation as error:
        raise Http404("There is no such file.") from error
    if not os.path.isfile(file):  # unlike Path.is_file(), false for a name that is too long to be one
        raise Http404("There is no such file.")
    return Path(file)
