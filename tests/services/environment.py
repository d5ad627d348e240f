"""Settings for tests: complete, quick, and blind to the environment of whoever runs them."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from app.local.embedded import free_port
from app.settings import Settings


def names_of_settings() -> frozenset[str]:
    """Return the names of the variables that Settings reads, in capitals."""
    return frozenset(name.upper() for name in Settings.model_fields)


def settings_for_tests(env: str, kafka: str, database_url: str, data_dir: Path, **overrides: Any) -> Settings:
    """Build the settings of one test.

    Args:
        env: the test's own environment name; every topic and group is named after it.
        kafka: bootstrap servers.
        database_url: the test's own database.
        data_dir: where a state table may be kept.
        overrides: fields to set otherwise.
    """
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": database_url,
        "kafka_bootstrap_servers": kafka,
        "vlab_env": env,
        # Unset would mean that capture is off.
        "vlab_chat_log_topic": f"vlab-{env}-chat-log",
        "topic_partitions": 4,
        "topic_replication": 1,
        # The shortest that brokers allow, so that a killed worker's partitions move on soon.
        "rebalance_timeout_s": 6,
        "session_timeout_s": 6,
        "data_dir": data_dir,
        "web_port": free_port(),
        "log_format": "text",
    }
    return Settings(**(values | overrides))


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make another process read the same settings, without PATH and the like."""
    return {
        name.upper(): _as_text(value)
        for name, value in settings
        if name in settings.model_fields_set and value is not None
    }


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, list) else str(value)
