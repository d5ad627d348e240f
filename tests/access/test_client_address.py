"""From which address somebody asks, whoever says what of it."""

from __future__ import annotations

import pytest

from app.access.client_address import TrustedProxies, network_of

PROXIES = TrustedProxies.of(["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"])

#: Who connects, X-Forwarded-For, X-Real-IP, and what is believed.
TOLD = [
    # Nobody who is trusted connects: whatever they say of themselves.
    ("198.51.100.9", "203.0.113.5", "203.0.113.5", None),
    ("10.1.2.3.4", "203.0.113.5", "", None),
    ("", "203.0.113.5", "", None),
    (None, "203.0.113.5", "", None),
    # A trusted proxy tells who connected to it.
    ("10.0.0.1", "203.0.113.5", "", "203.0.113.5"),
    ("192.0.2.7", "203.0.113.5", "", "203.0.113.5"),
    ("fd00::1", "2001:db8::5", "", "2001:db8::5"),
    ("::ffff:10.0.0.1", "203.0.113.5", "", "203.0.113.5"),
    # What stands further left was said by whom nobody trusts.
    ("10.0.0.1", "1.1.1.1, 203.0.113.5", "", "203.0.113.5"),
    ("10.0.0.1", "10.9.9.9, 203.0.113.5", "", "203.0.113.5"),
    ("10.0.0.1", "1.1.1.1, 203.0.113.5, 10.0.0.2", "", "203.0.113.5"),
    ("10.0.0.1", "1.1.1.1,203.0.113.5,10.0.0.2,fd00::7", "", "203.0.113.5"),
    # All are ours: it began with the first.
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "", "10.0.0.3"),
    # What cannot be read ends it.
    ("10.0.0.1", "203.0.113.5, unknown", "", None),
    ("10.0.0.1", "203.0.113.5, unknown, 10.0.0.2", "", "10.0.0.2"),
    ("10.0.0.1", "203.0.113.5,", "", None),
    ("10.0.0.1", "<script>", "203.0.113.5", None),
    # As proxies write addresses.
    ("10.0.0.1", "203.0.113.5:51334", "", "203.0.113.5"),
    ("10.0.0.1", "[2001:db8::5]:443", "", "2001:db8::5"),
    ("10.0.0.1", "::ffff:203.0.113.5", "", "203.0.113.5"),
    ("10.0.0.1", "  203.0.113.5\t", "", "203.0.113.5"),
    # X-Real-IP, where there is no list.
    ("10.0.0.1", "", "203.0.113.5", "203.0.113.5"),
    ("10.0.0.1", "203.0.113.6", "203.0.113.5", "203.0.113.6"),
    ("10.0.0.1", "", "nobody", None),
    ("10.0.0.1", "", "", None),
    ("10.0.0.1", ", ".join(["203.0.113.5"] + ["10.0.0.2"] * 10_000), "", "10.0.0.2"),
]


@pytest.mark.parametrize(("peer", "forwarded_for", "real_ip", "told"), TOLD)
def test_whom_a_proxy_tells_of(peer: str | None, forwarded_for: str, real_ip: str, told: str | None) -> None:
    assert PROXIES.told(peer, {"x-forwarded-for": forwarded_for, "x-real-ip": real_ip}) == told


def test_without_proxies_nobody_is_believed() -> None:
    assert TrustedProxies().told("10.0.0.1", {"x-forwarded-for": "203.0.113.5"}) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("somebody", None),
        ("", None),
    ],
)
def test_an_address_without_who_it_is(address: str, network: str | None) -> None:
    assert network_of(address, ipv4_bits=24, ipv6_bits=48) == network
