"""Has Faust's own clients wait for brokers that are away when they start, instead of ending the worker."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaConnectionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mode import Service

log = logging.getLogger(__name__)

#: How long to wait before it is tried again.
AGAIN_AFTER_S = 1.0
#: How often it is said, while that is so.
WARN_EVERY_S = 30.0


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
    warned_at = float("-inf")
    while not service.should_stop:
        try:
            await start()
        except KafkaConnectionError as error:
            await discard()
            if time.monotonic() - warned_at >= WARN_EVERY_S:
                warned_at = time.monotonic()
                log.warning(
                    "Kafka cannot be reached: it is tried again; check the brokers",
                    extra={"error": repr(error)},
                )
            await service.sleep(AGAIN_AFTER_S)
        else:
            return True
    return False
