"""The settings of a run, and how its processes get them.

What is embedded replaces what settings say of it. The rest stays as the person has it.
"""

from __future__ import annotations

import os
import secrets
from functools import cache
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from app.kafka.topics import topics_of
from models.platforms import WITHOUT_STATE

if TYPE_CHECKING:
    from pathlib import Path

    from app.settings import Settings

#: With one broker and one worker a role. The shortest times that Kafka allows, for quick starts.
_EMBEDDED_KAFKA: dict[str, dict[str, object]] = {
    "kafka": {"security_protocol": "PLAINTEXT"},
    "topology": {"vlab_env": "local", "topic_replication": 1},
    "worker": {"rebalance_timeout_s": 6.0, "session_timeout_s": 6.0, "commit_interval_s": 0.2},
}


class StorageAddress(Protocol):
    """Where an embedded storage is, and its keys."""

    @property
    def endpoint(self) -> str:
        """The server's URL."""

    @property
    def bucket(self) -> str:
        """The name of the bucket."""

    @property
    def access_key(self) -> str:
        """Who we are."""

    @property
    def secret_key(self) -> str:
        """What we sign with."""


def settings_of_run(
    settings: Settings,
    directory: Path,
    *,
    embedded_kafka: str | None = None,
    embedded_database: str | None = None,
    embedded_storage: StorageAddress | None = None,
) -> Settings:
    """Return the settings with what is embedded put in, and capture turned on.

    Args:
        settings: as the environment and `.env` have them.
        directory: where the workers may keep files.
        embedded_kafka: the bootstrap server, if Kafka is embedded.
        embedded_database: the URL, if PostgreSQL is embedded.
        embedded_storage: the storage, if it is embedded.
    """
    run = settings.replace(worker={"data_dir": directory / "tables"})
    if settings.api.jwt_secret is None:
        run = run.replace(api={"jwt_secret": _secret_of_this_process()})
    if "format" not in settings.log.model_fields_set:
        run = run.replace(log={"format": "text"})
    if "capture_media" not in settings.worker.model_fields_set:
        run = run.replace(worker={"capture_media": True})
    if embedded_kafka is not None:
        run = run.replace(**_EMBEDDED_KAFKA).replace(kafka={"bootstrap_servers": (embedded_kafka,)})
    if embedded_database is not None:
        run = run.replace(database={"url": SecretStr(embedded_database)})
    if embedded_storage is not None:
        run = run.replace(storage=_of_storage(embedded_storage))
    if "platforms" not in run.topology.model_fields_set:
        run = run.replace(topology={"platforms": WITHOUT_STATE})
    # Capture is off while its topic isn't named.
    return run.replace(topology={"vlab_chat_log_topic": topics_of(run.topology).chat_log.name})


def environment_of_worker(
    settings: Settings, web_port: int, api_address: str | None = None
) -> dict[str, str]:
    """Return the environment of a worker process that must read the same settings, but for its port.

    Args:
        settings: of the run.
        web_port: of its views.
        api_address: where its views lead to the pages of the API; None for where settings say.
    """
    pages = {} if api_address is None else {"public_url": api_address}
    return environment_of(settings.replace(web={"port": web_port}, api=pages))


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment of a process that must read the same settings."""
    ours = settings.as_environment() | {"CHATLOG_ROLE": ""}
    # Names are read without regard to case, so another spelling of ours must not stand beside it.
    others = {name: value for name, value in os.environ.items() if name.upper() not in ours}
    return others | ours


@cache
def _secret_of_this_process() -> SecretStr:
    """Make a secret for tokens: it ends with the run, and with it the links that were printed."""
    return SecretStr(secrets.token_urlsafe(32))


def _of_storage(storage: StorageAddress) -> dict[str, object]:
    return {
        "bucket": storage.bucket,
        "endpoint": storage.endpoint,
        "public_endpoint": None,
        "region": "us-east-1",
        "access_key": SecretStr(storage.access_key),
        "secret_key": SecretStr(storage.secret_key),
        "path_style": True,
    }
