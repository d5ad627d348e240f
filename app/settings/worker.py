"""How a worker does its work: its membership in its group, sizes of chunks and batches, its table."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.settings.area import Area
from app.settings.topology import Role
from app.settings.values import EmptyIsUnset, OptionalKafkaName


class WorkerSettings(Area):
    """The settings of workers. Fields are named as variables, durations in seconds."""

    # Which role `faust -A app worker` takes.
    chatlog_role: Annotated[Role | None, EmptyIsUnset] = None

    # What counts as a message of Messenger
    capture_media: bool = False

    # Membership in the consumer group
    group_instance_id: OptionalKafkaName = None
    rebalance_timeout_s: float = Field(default=60.0, ge=1, le=3600)
    session_timeout_s: float = Field(default=30.0, ge=1, le=3600)
    stalled_after_s: float = Field(default=60.0, gt=0)

    # Chunks and batches
    chunk_max_records: int = Field(default=1000, ge=1, le=100_000)
    chunk_max_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    batch_max_entries: int = Field(default=2000, ge=1, le=50_000)
    batch_max_wait_s: float = Field(default=0.02, ge=0, le=10)
    commit_interval_s: float = Field(default=1.0, gt=0, le=60)

    # After how long without a message somebody is taken to have left
    stay_gap_minutes: float = Field(default=30.0, ge=1, le=24 * 60)

    # The state table of the capture role
    table_store: Literal["memory", "rocksdb"] = "memory"
    data_dir: Path = Path("chatlog-data")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.session_timeout_s > self.rebalance_timeout_s:
            raise ValueError("SESSION_TIMEOUT_S must not be longer than REBALANCE_TIMEOUT_S")
        return self
