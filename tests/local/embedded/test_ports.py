"""Ports that are drawn a while before a service listens on them."""

from app.local.embedded import free_port


def test_no_port_is_given_to_two() -> None:
    given = [free_port() for _ in range(500)]

    assert len(set(given)) == len(given)
