"""What an operator, or time, does to a Kafka cluster: settings of topics, expired offsets, deleted records.

Stopping, killing and freezing a broker is the embedded service's matter.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.admin import DeleteGroupsRequest

from app.kafka.clients import client_settings
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from app.settings import Settings


async def committed(system: Settings, group: str, topic: str) -> dict[int, int]:
    """Return what a group has committed of a topic, by partition; 0 where it never committed."""
    async with _admin(system) as admin:
        found = await admin.list_consumer_group_offsets(group, partitions=await _partitions(admin, topic))
    if not found:
        # The client overlooks an error of the response as a whole.
        raise GroupCoordinatorNotAvailableError(f"no answer about the group {group}")
    return {tp.partition: max(0, place.offset) for tp, place in found.items()}


async def ends(system: Settings, topic: str) -> dict[int, int]:
    """Return the offset after the last record of each partition of a topic."""
    async with _admin(system) as admin:
        partitions = await _partitions(admin, topic)
    consumer = AIOKafkaConsumer(**client_settings(system.kafka))
    try:
        await consumer.start()
        found = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {tp.partition: offset for tp, offset in found.items()}


async def everything_is_committed(system: Settings, group: str, topic: str) -> bool:
    """Tell whether a group has committed all of a topic."""
    done, there = await committed(system, group, topic), await ends(system, topic)
    assert done == there, f"committed {done}, there are {there}"
    return True


async def forget_offsets(system: Settings, group: str) -> None:
    """Delete all that a group committed, as time does to one that has no members."""

    async def is_gone() -> bool:
        coordinator = await admin.find_coordinator(group)
        # The client offers no such call, only the request.
        answer = await admin._send_request(DeleteGroupsRequest([group]), coordinator)
        ((_, error_code),) = answer.results
        assert error_code == 0, f"the group cannot be deleted: Kafka's error {error_code}; has it members?"
        return True

    async with _admin(system) as admin:
        await eventually(is_gone)


async def delete_records(system: Settings, topic: str, before: Mapping[int, int]) -> None:
    """Delete the records before an offset in each partition given, as retention does."""
    async with _admin(system) as admin:
        await admin.delete_records(
            {
                TopicPartition(topic, partition): RecordsToDelete(before_offset=offset)
                for partition, offset in before.items()
            }
        )


async def delete_topic(system: Settings, topic: str) -> None:
    """Delete a topic, and return when the brokers do not list it any more."""

    async def is_gone() -> bool:
        return topic not in await admin.list_topics()

    async with _admin(system) as admin:
        await admin.delete_topics([topic])
        await eventually(is_gone)


async def set_up_topic(system: Settings, topic: str, **config: str) -> None:
    """Set settings of a topic, and return when the broker goes by them; `_` in a name means `.`.

    Kafka puts the topic's others back to the brokers' defaults.
    """
    settings = {name.replace("_", "."): value for name, value in config.items()}

    async def are_in_force() -> bool:
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        ((*_, found),) = answer.resources
        now = {name: value for name, value, *_ in found}
        return settings.items() <= now.items()

    async with _admin(system) as admin:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=settings)])
        await eventually(are_in_force)


@asynccontextmanager
async def _admin(system: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_settings(system.kafka))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> list[TopicPartition]:
    (found,) = await admin.describe_topics([topic])
    return [TopicPartition(topic, partition["partition"]) for partition in found["partitions"]]
