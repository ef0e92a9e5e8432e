"""The grammar of a handshake's header fields: RFC 6455, 4.2.1 and 9.1; RFC 9110; RFC 9112."""

import re
from functools import lru_cache

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SPACE = rb"[ \t]*"
_PARAMETER = rb"%b;%b%b(?:%b=%b(?:%b|\"%b\"))?" % (_SPACE, _SPACE, _TOKEN, _SPACE, _SPACE, _TOKEN, _TOKEN)
_EXTENSION = re.compile(rb"%b(?:%b)*" % (_TOKEN, _PARAMETER))
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
_VERSION = re.compile(rb"[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]")
_HOST_NAME = rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~%!$&'()*+;=]*)(?::[0-9]*)?"
_HOST = re.compile(_HOST_NAME)

# a path, or an address with its host; visible ASCII without a fragment
TARGET = re.compile(
    rb"(?i:https?://(?P<host>(?=[^/?])%b))?(?P<path>/[!\"$->@-~]*)?(?:\?(?P<query>[!\"$-~]*))?" % _HOST_NAME
)


def is_key(value: bytes) -> bool:
    """Returns whether this is Base64 of 16 bytes."""
    return _KEY.fullmatch(value) is not None


def is_version(value: bytes) -> bool:
    """Returns whether this is a number from 0 to 255 in its only form: 013 is none."""
    return _VERSION.fullmatch(value) is not None


def is_host(value: bytes) -> bool:
    """Returns whether this is one host with or without a port. It may be empty (RFC 9112, 3.2)."""
    return _HOST.fullmatch(value) is not None


@lru_cache(maxsize=64)  # browsers and libraries have one each
def are_extensions(offers: bytes) -> bool:
    """Returns whether this is a list of extensions (RFC 6455, 9.1); it may have holes (RFC 9110, 5.6.1.2).

    A comma is in none of them, not in quotes either. One pattern for the whole list would try each blank
    between two commas on either side of a hole: seconds for 50 bytes, and four times that for four more.
    """
    listed = (offer.strip(b" \t") for offer in offers.split(b","))
    return all(not offer or _EXTENSION.fullmatch(offer) for offer in listed)
