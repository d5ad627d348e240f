"""What Faust is told: our settings, and the choices that its failure modes leave us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faust.auth import SASLCredentials, SSLCredentials
from yarl import URL

from app.kafka.clients import ssl_context
from app.kafka.topics import client_id_of, groups_of
from app.logs import logging_config

if TYPE_CHECKING:
    from faust.auth import Credentials

    from app.settings import Role, Settings
    from app.settings.kafka import KafkaSettings
    from app.settings.worker import WorkerSettings

#: Chunks a stream may hold before the consumer waits; the transport's own bound is the one that counts.
STREAM_BUFFER_CHUNKS = 64
#: Kafka's own default.
HEARTBEAT_MAX_S = 3.0
#: How long a request to the brokers may take (Faust's default).
REQUEST_TIMEOUT_S = 90.0
#: How often the brokers are asked what topics and partitions there are.
METADATA_MAX_AGE_MS = 30_000


def faust_settings(settings: Settings, role: Role) -> dict[str, Any]:
    """Return the arguments of `faust.App` for a worker of `role`."""
    group = groups_of(settings.topology).of(role)
    return {
        "id": group,
        "broker": [f"kafka://{server}" for server in settings.kafka.require_servers()],
        "broker_client_id": client_id_of(settings.topology, role),
        "broker_credentials": _credentials(settings.kafka),
        "store": "memory://" if settings.worker.table_store == "memory" else "rocksdb://",
        "datadir": settings.worker.data_dir / group,
        # Topics exist before a worker starts: `chatlog topics` makes them, as settings say.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": settings.worker.group_instance_id,
        "broker_commit_interval": settings.worker.commit_interval_s,
        "broker_rebalance_timeout": settings.worker.rebalance_timeout_s,
        "broker_session_timeout": settings.worker.session_timeout_s,
        # A worker learns of a rebalance by its heartbeat, so a long session must not make it slow.
        "broker_heartbeat_interval": heartbeat_interval_s(settings.worker),
        # Faust insists that a session ends sooner than a request.
        "broker_request_timeout": max(REQUEST_TIMEOUT_S, settings.worker.session_timeout_s + 1),
        # By default, a topic that was deleted and made again goes unnoticed for five minutes.
        "consumer_metadata_max_age_ms": METADATA_MAX_AGE_MS,
        "stream_buffer_maxsize": STREAM_BUFFER_CHUNKS,
        # Before partitions are given up, `ChunkConsumer.wait_empty` runs; its waits are bounded.
        "stream_wait_empty": True,
        "stream_recovery_delay": 0.0,
        "web_bind": settings.web.host,
        "web_host": settings.web.host,
        "web_port": settings.web.port,
        # Faust's own default puts no brackets around an IPv6 address.
        "canonical_url": URL.build(scheme="http", host=settings.web.host, port=settings.web.port),
        "logging_config": logging_config(settings.log),
    }


def heartbeat_interval_s(worker: WorkerSettings) -> float:
    """Return how often a worker tells its group that it is there."""
    return min(worker.session_timeout_s / 5, HEARTBEAT_MAX_S)


def _credentials(kafka: KafkaSettings) -> Credentials | None:
    context = ssl_context(kafka)
    if kafka.security_protocol.startswith("SASL") and kafka.sasl_password:
        return SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value(),
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
