"""Origins: the pages that may open a socket are the site's own and those that the operator listed."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Origin = tuple[str, str, int]  # scheme, host, port: all three have to agree
_PORTS = {"http": 80, "https": 443}


def is_allowed(scope: dict[str, Any]) -> bool:
    """Returns whether the request may open a socket. Without an Origin header it does not come from a page."""
    headers = dict(scope["headers"])
    if b"origin" not in headers:
        return True
    origin = parse_origin(headers[b"origin"].decode("latin-1"))
    own = parse_origin(settings.PUBLIC_URL) if settings.PUBLIC_URL else _requested(scope, headers.get(b"host", b""))
    return origin is not None and (origin == own or origin in map(parse_origin, settings.ORIGINS))


def is_listed(origin: str) -> bool:
    """Returns whether the operator listed the origin: only then its pages may read answers of this site."""
    return parse_origin(origin) in {found for found in map(parse_origin, settings.ORIGINS) if found}


def _requested(scope: dict[str, Any], host: bytes) -> Origin | None:
    secure = scope.get("scheme") in ("wss", "https")
    return parse_origin(f"{'https' if secure else 'http'}://{host.decode('latin-1')}")


@lru_cache(maxsize=256)  # nearly all requests come from the same few
def parse_origin(text: str) -> Origin | None:
    """Returns the origin that the text names; None for `null` and all that is no origin."""
    try:
        url = urlsplit(text.strip())
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return None
    if not url.hostname or port is None:
        return None
    return url.scheme, url.hostname, port
