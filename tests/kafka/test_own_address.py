"""Who listens on all addresses is found by the one that is used towards Kafka."""

from __future__ import annotations

import socket

import pytest

from app.kafka.own_address import own_address


@pytest.mark.parametrize(
    ("bind", "server", "address"),
    [
        ("0.0.0.0", "127.0.0.1:9092", "127.0.0.1"),
        ("", "127.0.0.1:9092", "127.0.0.1"),
        ("10.0.0.7", "127.0.0.1:9092", "10.0.0.7"),
        ("[fd00::7]", "127.0.0.1:9092", "fd00::7"),
        ("0.0.0.0", "kafka.invalid:9092", socket.gethostname()),
    ],
)
async def test_who_listens_everywhere_is_found_where_kafka_finds_it(
    bind: str, server: str, address: str
) -> None:
    assert await own_address(bind, server) == address
