"""From which address somebody asks: the one that connects, or what proxies tell that are trusted.

Anybody can send X-Forwarded-For. Each proxy adds at its right end who connected to it, so it is read from
there, and what stands there counts as long as the one that says it is trusted (API_TRUSTED_PROXIES).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastapi import Request

Address: TypeAlias = IPv4Address | IPv6Address

#: What a list of hops may be long; more is nobody's network.
_HOPS_MAX = 64


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Whose word counts.

    Attributes:
        networks: that they are in.
    """

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Return those in networks, each written as `10.0.0.0/8`."""
        return cls(tuple(ip_network(name) for name in names))

    def told(self, peer: str | None, headers: Mapping[str, str]) -> str | None:
        """Return what address trusted proxies tell; None where none does.

        Args:
            peer: who connected.
            headers: of the request; one that came several times joined by commas.
        """
        nearest = _read(peer or "")
        if nearest is None or not self._has(nearest):
            return None
        hops = headers.get("x-forwarded-for", "")
        if not hops.strip():
            alone = _read(headers.get("x-real-ip", ""))
            return None if alone is None else str(alone)
        told: Address | None = None
        for hop in reversed(hops.split(",")[-_HOPS_MAX:]):
            address = _read(hop)
            if address is None:
                break
            told = address
            if not self._has(address):
                break
        return None if told is None else str(told)

    def _has(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def client_address(request: Request) -> str | None:
    """Return the address that a request comes from; None where it comes by none."""
    return forwarded_address(request) or (request.client.host if request.client else None)


def forwarded_address(request: Request) -> str | None:
    """Return for which address a trusted proxy asks; None where none stands between."""
    proxies: TrustedProxies = request.app.state.trusted_proxies
    if not proxies.networks:
        return None
    lines = {name: ",".join(request.headers.getlist(name)) for name in ("x-forwarded-for", "x-real-ip")}
    return proxies.told(request.client.host if request.client else None, lines)


@lru_cache(maxsize=4096)
def network_of(address: str, *, ipv4_bits: int, ipv6_bits: int) -> str | None:
    """Return the first address of the network that an address is in; None for what is no address."""
    found = _read(address)
    if found is None:
        return None
    bits = ipv4_bits if found.version == 4 else ipv6_bits
    return str(ip_network((found, bits), strict=False).network_address)


def _read(written: str) -> Address | None:
    """Return an address as proxies write it, maybe with a port; an IPv4 one in IPv6's clothes as itself."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
