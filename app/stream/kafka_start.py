"""Has Faust's own clients wait for brokers that are away when they start, instead of ending the worker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaConnectionError

from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mode import Service

log = logging.getLogger(__name__)

#: How long to wait before it is tried again.
AGAIN_AFTER_S = 1.0


async def once_reached(
    service: Service, start: Callable[[], Awaitable[None]], discard: Callable[[], Awaitable[None]]
) -> bool:
    """Start the client of a service, again and again until it reaches a broker or the service is stopped.

    Args:
        service: whose client it is.
        start: makes a client and starts it.
        discard: ends one that did not start.

    Returns:
        Whether it was started.
    """
    unreachable = Trouble(log)
    while not service.should_stop:
        try:
            await start()
        except KafkaConnectionError as error:
            await discard()
            unreachable.note(
                "Kafka cannot be reached: it is tried again; check the brokers", {"error": repr(error)}
            )
            await service.sleep(AGAIN_AFTER_S)
        else:
            return True
    return False
