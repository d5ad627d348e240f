"""The settings of a run, and how a worker process gets them.

What is embedded replaces what settings say of it. The rest stays as the person has it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from app.topics import topics_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from app.settings import Settings

#: With one broker and one worker a role. The shortest times that Kafka allows, for quick starts.
_EMBEDDED_KAFKA = {
    "vlab_env": "local",
    "kafka_security_protocol": "PLAINTEXT",
    "topic_replication": 1,
    "rebalance_timeout_s": 6.0,
    "session_timeout_s": 6.0,
    "commit_interval_s": 0.2,
}


def settings_of_run(
    settings: Settings, directory: Path, *, embedded_kafka: str | None, embedded_database: str | None
) -> Settings:
    """Return the settings with what is embedded put in, and capture turned on.

    Args:
        settings: as the environment and `.env` have them.
        directory: where the workers may keep files.
        embedded_kafka: the bootstrap server, if Kafka is embedded.
        embedded_database: the URL, if PostgreSQL is embedded.
    """
    values: dict[str, Any] = {"data_dir": directory / "tables"}
    if "log_format" not in settings.model_fields_set:
        values["log_format"] = "text"
    if embedded_kafka is not None:
        values |= _EMBEDDED_KAFKA | {"kafka_bootstrap_servers": [embedded_kafka]}
    if embedded_database is not None:
        values["database_url"] = SecretStr(embedded_database)
    changed = settings.model_copy(update=values)
    # Capture is off while its topic isn't named.
    return changed.model_copy(update={"vlab_chat_log_topic": topics_of(changed).chat_log.name})


def environment_of_worker(settings: Settings, web_port: int) -> dict[str, str]:
    """Return the environment of a worker process that must read the same settings."""
    ours = _as_environment(settings) | {"WEB_PORT": str(web_port), "CHATLOG_ROLE": ""}
    # Names are read without regard to case, so another spelling of ours must not stand beside it.
    others = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    return others | ours


def _as_environment(settings: Settings) -> dict[str, str]:
    fields: Mapping[str, object] = dict(settings)
    return {name.upper(): _as_text(fields[name]) for name in settings.model_fields_set}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, list):
        return ",".join(value)
    return "" if value is None else str(value)
