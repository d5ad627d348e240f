"""Mends aiokafka on uvloop: to write to a connection that the broker has closed is a lost connection.

aiokafka 0.14.0 expects an OSError there, and uvloop raises RuntimeError (aio-libs/aiokafka#1038). In the
wrong moment of a broker's restart, that ends the task which keeps a client's metadata up to date: the client
then waits for ever, commits nothing and finds no coordinator, while it fetches on and the brokers are well.
"""

from __future__ import annotations

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send = AIOKafkaConnection.send


def mend_connections() -> None:
    """Have every aiokafka client of this process notice a closed connection. Idempotent."""
    AIOKafkaConnection.send = _send_if_open


def _send_if_open(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    writer = connection._writer  # noqa: SLF001  there is no public way to see whether it can be written to
    if writer is not None and writer.is_closing():
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"{connection.host}:{connection.port} has closed the connection")
    return _send(connection, request, expect_response)
