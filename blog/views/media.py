"""Files that people may fetch: covers, editions. What a worker learnt is for staff."""

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

PUBLIC = ("covers", "editions")
FOR_STAFF = ("learner",)
# What a browser shows in place. Everything else is saved: an SVG or a page of HTML may carry a script.
SHOWN = ("image/avif", "image/gif", "image/jpeg", "image/png", "image/webp")
# Not every system's table has these.
TYPES = {".avif": "image/avif", ".epub": "application/epub+zip", ".webp": "image/webp"}


@require_safe
@transaction.non_atomic_requests
def media(request: HttpRequest, path: str) -> HttpResponse:
    """One file under MEDIA_ROOT. Read whole: an edition is a few megabytes, and sync streams are too."""
    normal = posixpath.normpath(path)
    folder = normal.split("/")[0]
    if folder not in PUBLIC and not (folder in FOR_STAFF and request.user.has_perm("blog.view_modelsample")):
        raise Http404("There is no such file.")
    file = _file(normal)
    kind = TYPES.get(file.suffix.lower()) or mimetypes.guess_type(file.name)[0]
    shown = kind in SHOWN
    response = HttpResponse(
        file.read_bytes(),
        content_type=kind if shown or kind in TYPES.values() else "application/octet-stream",
        headers={
            "Content-Disposition": content_disposition_header(not shown, file.name) or "inline",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",  # kept, but asked about each time: an edition may be withdrawn
        },
    )
    stat = file.stat()
    response["ETag"] = etag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    return get_conditional_response(request, etag=etag, response=response) or response


@require_safe
@transaction.non_atomic_requests
def favicon(request: HttpRequest) -> HttpResponse:
    """For whatever asks for it here without reading a page: the admin, feed readers."""
    return redirect(static("img/press.svg"))


def _file(normal: str) -> Path:
    try:
        file = safe_join(settings.MEDIA_ROOT, normal)
    except SuspiciousFileOperation as error:
        raise Http404("There is no such file.") from error
    if not os.path.isfile(file):  # unlike Path.is_file(), false for a name that is too long to be one
        raise Http404("There is no such file.")
    return Path(file)
