"""The jobs of exports on their way to Kafka, by the outbox: rows of `export_status` without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from app.kafka.former_names import refuse_to_begin_anew
from app.kafka.topics import topics_of
from app.outbox import Outgoing
from app.settings import Role
from models.exports import ExportJob, Source
from sinks.kafka.delivery import OutRecord
from sinks.sql import statements

if TYPE_CHECKING:
    import asyncpg

    from app.settings.kafka import KafkaSettings
    from app.settings.topology import TopologySettings


def outgoing_jobs(kafka: KafkaSettings, topology: TopologySettings) -> Outgoing:
    """Return what the outbox has to know to send the jobs of exports."""

    async def check() -> None:
        if topology.vlab_exports_topic is None:
            # Workers that kept the topic's former name would never see what goes to the new one.
            await refuse_to_begin_anew(kafka, topology, Role.EXPORT)

    return Outgoing(
        "jobs of exports", topics_of(topology).exports.name, statements("exports"), _record_of, check
    )


def _record_of(row: asyncpg.Record) -> OutRecord:
    job = ExportJob(
        export_id=row["id"],
        user=row["user_id"],
        survey_owner=row["survey_owner"],
        survey=row["survey_id"],
        source=Source(row["source"]),
        options=orjson.loads(row["options"]),
        asked_as=orjson.loads(row["asked_as"] or "null"),
    )
    return OutRecord(str(row["id"]).encode(), orjson.dumps(job.encode()))
