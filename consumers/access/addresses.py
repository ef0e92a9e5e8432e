"""Addresses: where a request comes from, as far as its headers can be believed.

A connection's own address cannot be forged; what a header says can, unless the proxies that wrote it are
ours. So X-Forwarded-For counts only on connections from TRUSTED_PROXIES, and is read from the right: each
proxy appends the address that it heard from, and the first that is not ours is the client's, whatever stands
left of it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from django.conf import settings

Address = IPv4Address | IPv6Address
UNIX_SOCKET = "unix"  # stands in TRUSTED_PROXIES for a connection over a unix socket, which has no address
SUBNET_BITS = 64  # of the smallest IPv6 network that a customer gets, with all of its addresses


def client(scope: dict[str, Any]) -> Address | None:
    """Returns the client's address; None where it came over a unix socket and no header says more."""
    peer = _parse(scope["client"][0]) if scope.get("client") else None
    if not _is_ours(peer):
        return peer
    for hop in reversed(_forwarded(scope["headers"])):
        address = _parse(hop)
        if address is None:  # not written by a proxy of ours: not to be believed any further
            return peer
        peer = address
        if not _is_ours(peer):
            break
    return peer


def subject(address: Address | None) -> str:
    """Returns the name under which a client is counted: its address, in IPv6 the network that a customer gets."""
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, SUBNET_BITS), strict=False))
    return str(address or UNIX_SOCKET)


def among(address: Address | None, networks: Iterable[str]) -> bool:
    """Returns whether the address is in one of the networks."""
    if address is None:
        return UNIX_SOCKET in networks
    return any(address in ip_network(network) for network in networks if network != UNIX_SOCKET)


def _is_ours(address: Address | None) -> bool:
    return among(address, settings.TRUSTED_PROXIES)


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return [hop for hop in ",".join(values).split(",") if hop.strip()]


def _parse(text: str) -> Address | None:
    """Parses `192.0.2.1`, `192.0.2.1:567`, `2001:db8::1` and `[2001:db8::1]:567`; returns None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
