"""What each role of worker is made of: its agents, sinks and table, how they start, let go and stop."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import faust

from agents.chunks import ChunkRunner
from app.kafka.topic_admin import KafkaUnavailable
from app.stream.transport import ChunkSchema
from sinks.errors import ServiceDown
from sinks.retry import RetryPolicy

Answer = TypeVar("Answer")

#: Stops the worker with a non-zero status, because of an error that retrying cannot mend.
Fail: TypeAlias = Callable[[Exception], Awaitable[None]]


def declare_agent(app: faust.App, name: str, topic: str, runner_of: Callable[[], ChunkRunner]) -> None:
    """Declare an agent; its runner is made when the worker starts."""

    async def agent(stream: Any) -> None:
        await runner_of().run(stream)

    app.agent(app.topic(topic, schema=ChunkSchema()), name=name)(agent)


async def once_kafka_answers(retry_policy: RetryPolicy, ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask about topics at a start, waiting while Kafka is away: an outage must not end who starts in it."""

    async def attempt() -> Answer:
        try:
            return await ask()
        except KafkaUnavailable as error:
            raise ServiceDown(f"Kafka cannot be used: {error}") from error

    return await retry_policy.run(attempt)
