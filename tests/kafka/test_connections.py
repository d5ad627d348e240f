"""A broker that closes a connection at the wrong moment."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from app.kafka import connections as kafka_connections
from app.kafka.connections import mend_connections
from tests.services import eventually


async def write_to_a_closed_connection(bootstrap_servers: str) -> None:
    host, _, port = bootstrap_servers.partition(":")
    connection = await create_conn(host, int(port))
    assert await connection.send(MetadataRequest([]))
    reader, writer = connection._reader, connection._writer
    writer.transport.abort()
    await eventually(lambda: connection._writer is None)
    # Back to the moment in which the transport is closed, and aiokafka's reading task was not told yet.
    connection._reader, connection._writer = reader, writer
    try:
        await connection.send(MetadataRequest([]))
    finally:
        connection._reader = connection._writer = None


def run_on_uvloop(bootstrap_servers: str) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(write_to_a_closed_connection(bootstrap_servers))


def test_a_closed_connection_is_a_lost_connection(kafka: str) -> None:
    mend_connections()
    mend_connections()

    with pytest.raises(KafkaConnectionError, match="has closed the connection"):
        run_on_uvloop(kafka)


def test_aiokafka_still_has_to_be_mended(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, the aiokafka in use needs no mending any more: remove `app.kafka.connections`."""
    monkeypatch.setattr(AIOKafkaConnection, "send", kafka_connections._send)

    with pytest.raises(RuntimeError, match="the handler is closed"):
        run_on_uvloop(kafka)
