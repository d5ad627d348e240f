"""Producers that write in transactions, as those of other teams may."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from app.kafka.clients import client_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.settings import Settings


@asynccontextmanager
async def transactional_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer that can begin transactions."""
    producer = AIOKafkaProducer(
        **client_settings(settings.kafka), transactional_id=f"{settings.topology.vlab_env}-transactions"
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def open_transaction(settings: Settings, topic: str, partition: int = 0) -> AsyncIterator[None]:
    """A transaction that holds one record of a partition, and is aborted at the end."""
    async with transactional_producer(settings) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"perhaps", partition=partition)
        try:
            yield
        finally:
            await producer.abort_transaction()
