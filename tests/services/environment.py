"""Settings for tests: complete, quick, and blind to the environment of whoever runs them."""

from pathlib import Path
from typing import Any

from app.local.embedded import free_port
from app.settings import VARIABLES, Settings, by_area


def names_of_settings() -> frozenset[str]:
    """Return the names of the variables that Settings reads, in capitals."""
    return frozenset(VARIABLES)


def settings_for_tests(env: str, kafka: str, database_url: str, data_dir: Path, **overrides: Any) -> Settings:
    """Build the settings of one test.

    Args:
        env: the test's own environment name; every topic and group is named after it.
        kafka: bootstrap servers.
        database_url: the test's own database.
        data_dir: where a state table may be kept.
        overrides: variables to set otherwise, in small letters.
    """
    values: dict[str, Any] = {
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
    return settings_from(**(values | overrides))


def settings_from(**variables: Any) -> Settings:
    """Build settings from variables, in small letters; the environment has the rest, and no `.env`."""
    values: dict[str, Any] = {"_env_file": None, **_by_area(variables)}
    return Settings(**values)


def changed(settings: Settings, **variables: Any) -> Settings:
    """Return settings with some variables, in small letters, set otherwise; their values are not checked."""
    return settings.replace(**_by_area(variables))


def _by_area(variables: dict[str, Any]) -> dict[str, dict[str, object]]:
    unknown = {name.upper() for name in variables} - VARIABLES.keys()
    assert not unknown, f"no settings: {unknown}"
    return by_area(variables)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make another process read the same settings, without PATH and the like."""
    return settings.as_environment()
