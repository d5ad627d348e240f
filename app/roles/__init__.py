"""What each role of worker is made of: its agents, sinks and table, how they start, let go and stop."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import faust

from agents.chunks import ChunkRunner
from app.transport import ChunkSchema

#: Stops the worker with a non-zero status, because of an error that retrying cannot mend.
Fail: TypeAlias = Callable[[Exception], Awaitable[None]]


def declare_agent(app: faust.App, name: str, topic: str, runner_of: Callable[[], ChunkRunner]) -> None:
    """Declare an agent; its runner is made when the worker starts."""

    async def agent(stream: Any) -> None:
        await runner_of().run(stream)

    app.agent(app.topic(topic, schema=ChunkSchema()), name=name)(agent)
