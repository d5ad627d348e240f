"""What Faust is told: our settings, and the choices that its failure modes leave us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.auth import SASLCredentials, SSLCredentials

from app.kafka import ssl_context
from app.logs import logging_config
from app.settings import Role, Settings

if TYPE_CHECKING:
    from faust.auth import Credentials

#: Chunks a stream may hold before the consumer waits; the transport's own bound is the one that counts.
STREAM_BUFFER_CHUNKS = 64


def faust_settings(settings: Settings, role: Role) -> dict[str, Any]:
    """Return the arguments of `faust.App` for a worker of `role`."""
    group = settings.capture_group if role is Role.CAPTURE else settings.persist_group
    return {
        "id": group,
        "broker": [f"kafka://{server}" for server in settings.require_kafka()],
        "broker_credentials": _credentials(settings),
        "store": "memory://" if settings.table_store == "memory" else "rocksdb://",
        "datadir": settings.data_dir / group,
        # Topics exist before a worker starts: `chatlog topics` makes them, as settings say.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.group_instance_id,
        "broker_commit_interval": settings.commit_interval_s,
        "broker_rebalance_timeout": settings.rebalance_timeout_s,
        "broker_session_timeout": settings.session_timeout_s,
        "broker_heartbeat_interval": settings.session_timeout_s / 5,
        "stream_buffer_maxsize": STREAM_BUFFER_CHUNKS,
        # Before partitions are given up, `ChunkConsumer.wait_empty` runs; its waits are bounded.
        "stream_wait_empty": True,
        "stream_recovery_delay": 0.0,
        "web_bind": settings.web_host,
        "web_host": settings.web_host,
        "web_port": settings.web_port,
        "logging_config": logging_config(settings),
    }


def _credentials(settings: Settings) -> Credentials | None:
    context = ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_sasl_password:
        return SASLCredentials(
            username=settings.kafka_sasl_username,
            password=settings.kafka_sasl_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
