"""Kafka and PostgreSQL in Docker, where an engine answers. Versions are those of the embedded services."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import DockerException  # type: ignore[import-untyped] # docker ships no types
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from app.local.embedded import free_port

KAFKA_IMAGE = "apache/kafka:4.1.1"
POSTGRES_IMAGE = "postgres:18-alpine"
START_TIMEOUT_S = 60


@functools.cache
def docker_answers() -> bool:
    """Tell whether a Docker engine can be used here."""
    try:
        return bool(DockerClient().client.ping())
    except DockerException:
        return False


@contextmanager
def kafka_container() -> Iterator[str]:
    """Run Kafka in Docker and give its bootstrap servers."""
    # Clients come back to the address that the broker tells them, so the port must be known before it starts.
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    address = f"{container.get_container_host_ip()}:{port}"
    container.with_envs(
        KAFKA_NODE_ID="1",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_LISTENERS=f"CLIENT://:{port},CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=f"CLIENT://{address}",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        KAFKA_INTER_BROKER_LISTENER_NAME="CLIENT",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS="3",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
    )
    started = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(START_TIMEOUT_S)
    with container.waiting_for(started):
        yield address


@contextmanager
def postgres_container() -> Iterator[str]:
    """Run PostgreSQL in Docker and give the URL of its database."""
    with PostgresContainer(POSTGRES_IMAGE, username="chatlog", dbname="chatlog", driver=None) as container:
        yield container.get_connection_url()
