"""Hosts and ports, as settings and requests name them: IPv4, IPv6 and names alike. Nothing is looked up."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

#: What listens on all addresses of the machine.
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared with, never bound to


def bare_host(host: str) -> str:
    """Return a host without what stands around it in a URL: the brackets of an IPv6 address."""
    host = host.strip()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def with_port(host: str, port: int | str) -> str:
    """Return host:port as URLs and lists of servers have it, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether a host can only be this machine: 127.0.0.0/8, ::1, the same as IPv6, or localhost."""
    try:
        address = ipaddress.ip_address(bare_host(host))
    except ValueError:
        return host.strip().rstrip(".").lower() == "localhost"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback


def is_safe_url(url: str) -> bool:
    """Tell whether secrets may go there: by https, or within this machine. One with a user is none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username or parts.password or parts.fragment or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_everywhere(host: str) -> bool:
    """Tell whether who listens there listens on all addresses of the machine."""
    host = bare_host(host)
    try:
        return host in _EVERYWHERE or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def reached_at(host: str) -> str:
    """Return where this machine itself reaches who listens on `host`."""
    host = bare_host(host)
    if is_everywhere(host):
        return _EVERYWHERE.get(host, "::1" if ":" in host else "127.0.0.1")
    return host
