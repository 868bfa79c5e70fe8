"""Which addresses a webhook may be sent to: none of this network, unless an operator says so."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
#: IPv6 that carries an IPv4 address a gateway would go to: NAT64 (RFC 6052, RFC 8215).
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


def may_be_reached(address: str, allowed: Sequence[Network]) -> bool:
    """Whether a numeric address is public, or within one of the `allowed` networks."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    ways = {ip, *_carried(ip)}
    return all(_is_public(one) or _within(one, allowed) for one in ways)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast


def _within(ip: IPv4Address | IPv6Address, allowed: Sequence[Network]) -> bool:
    return any(ip.version == network.version and ip in network for network in allowed)


def _carried(ip: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses inside an IPv6 one: mapped, 6to4, Teredo, NAT64."""
    if isinstance(ip, IPv4Address):
        return []
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if any(ip in network for network in _NAT64):
        found.append(IPv4Address(int(ip) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
