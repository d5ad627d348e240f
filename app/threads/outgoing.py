"""The events of threads on their way to Kafka, by the outbox: rows of `thread_events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from app.kafka.topics import topics_of
from app.outbox import Outgoing
from models.threads import event_of, event_record
from sinks.kafka.delivery import OutRecord
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.settings.topology import TopologySettings


def outgoing_events(topology: TopologySettings) -> Outgoing:
    """Return what the outbox has to know to send the events of threads."""
    return Outgoing(
        "events of threads",
        topics_of(topology).thread_events.name,
        statements("thread_events"),
        _record_of,
    )


def event_in(row: asyncpg.Record, content: str | None) -> dict[str, Any]:
    """Return the event of a row, with what its message says now."""
    return event_of(
        row["event_type"],
        event_id=row["event_id"],
        tenant_id=row["tenant_id"],
        learner_id=row["learner_id"],
        occurred=row["occurred"],
        thread_id=row["conversation_id"],
        message_id=row["message_id"],
        data=orjson.loads(row["data"]),
        content=content,
    )


def _record_of(row: asyncpg.Record) -> OutRecord:
    return OutRecord(*event_record(event_in(row, row["content"])))
