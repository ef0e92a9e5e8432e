"""Where a request comes from, as far as anybody can be believed.

A connection's own address cannot be forged; what a header says can, unless the proxies that wrote it are
ours. So X-Forwarded-For counts only on connections from TRUSTED_PROXIES, and is read from the right: each
proxy appends whom it heard from, and the first that is not ours is the client, whatever stands left of it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

Address = IPv4Address | IPv6Address
LOCAL = "unix"  # what a connection over a unix socket is called in TRUSTED_PROXIES: it has no address
SUBNET = 64  # bits that a network gets at least in IPv6: who has one address has all of them


def client(scope: dict[str, Any]) -> Address | None:
    """The client's address; None where it came over a unix socket and nobody says more."""
    peer = _parse(scope["client"][0]) if scope.get("client") else None
    if not _is_ours(peer):
        return peer
    for hop in reversed(_forwarded(scope["headers"])):
        address = _parse(hop)
        if address is None:  # written by somebody who is not a proxy of ours: not to be believed any further
            return peer
        peer = address
        if not _is_ours(peer):
            break
    return peer


def subject(address: Address | None) -> str:
    """What is counted as one client: an address, in IPv6 the network that a customer gets."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, SUBNET), strict=False))
    return str(address or LOCAL)


def among(address: Address | None, networks: Iterable[str]) -> bool:
    """Whether the address is in one of the networks."""
    if address is None:
        return LOCAL in networks
    return any(address in ip_network(network) for network in networks if network != LOCAL)


def _is_ours(address: Address | None) -> bool:
    return among(address, settings.TRUSTED_PROXIES)


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return [hop for hop in ",".join(values).split(",") if hop.strip()]


def _parse(text: str) -> Address | None:
    """`192.0.2.1`, `192.0.2.1:567`, `2001:db8::1`, `[2001:db8::1]:567`; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
