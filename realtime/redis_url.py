"""Addresses of a Redis, as redis-py and Django spell them, and as Celery does."""

import re
from urllib.parse import urlsplit

_CERT_REQS = {"CERT_NONE": "none", "CERT_OPTIONAL": "optional", "CERT_REQUIRED": "required"}


def for_celery(url: str) -> str:
    """Returns the URL with a unix socket spelled Celery's way: `redis+socket:///path?virtual_host=0`."""
    if not url.startswith("unix://"):
        return url
    return re.sub(r"([?&])db=", r"\1virtual_host=", url.replace("unix://", "redis+socket://", 1))


def from_celery(url: str) -> str:
    """Returns the URL of a broker as redis-py spells it; empty where the broker is not one Redis."""
    scheme = urlsplit(url).scheme
    if ";" in url or scheme not in ("redis", "rediss", "redis+socket", "unix"):  # ";" separates several brokers
        return ""
    if scheme == "redis+socket":
        return re.sub(r"([?&])virtual_host=", r"\1db=", url.replace("redis+socket://", "unix://", 1))
    return re.sub(
        r"(?<=[?&]ssl_cert_reqs=)CERT_[A-Z]+", lambda found: _CERT_REQS.get(found.group(), found.group()), url
    )
