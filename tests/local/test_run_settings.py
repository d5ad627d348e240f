"""What a run takes from settings, what it replaces, and what its workers get of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from app.local.embedded import free_port
from app.local.environment import environment_of_worker, settings_of_run
from app.local.options import Options
from app.local.ports import claim_port
from app.settings.topology import TopologySettings
from app.storage import bucket_settings_of
from models.platforms import WITHOUT_STATE
from tests.services import changed, settings_from

if TYPE_CHECKING:
    from pathlib import Path

DATABASE_URL = "postgresql://u:p@127.0.0.1:1/d"


@dataclass(frozen=True, slots=True)
class Storage:
    endpoint: str = "http://127.0.0.1:4"
    bucket: str = "chatlog"
    access_key: str = "access"
    secret_key: str = "secret"


@pytest.mark.parametrize(
    ("asked", "environment", "plays"),
    [
        (None, "local", True),
        (None, "staging", True),
        (None, "reproduction", True),
        (None, "prod", False),
        (None, "production", False),
        (None, "prod-eu", False),
        (True, "prod", True),
        (False, "local", False),
    ],
)
def test_samples_are_played_into_production_only_when_asked(
    asked: bool | None, environment: str, plays: bool
) -> None:
    assert Options(samples=asked).plays_samples_into(TopologySettings(vlab_env=environment)) is plays


def test_what_is_embedded_replaces_what_settings_say_of_it(tmp_path: Path) -> None:
    given = settings_from(
        vlab_env="prod",
        kafka_security_protocol="SSL",
        topic_partitions=3,
        storage_public_endpoint="https://files.example.org",
    )

    run = settings_of_run(
        given,
        tmp_path,
        embedded_kafka="127.0.0.1:2",
        embedded_database=DATABASE_URL,
        embedded_storage=Storage(),
    )

    assert run.kafka.bootstrap_servers == ("127.0.0.1:2",)
    assert run.database.require_url() == DATABASE_URL
    assert (run.topology.vlab_env, run.kafka.security_protocol, run.topology.topic_replication) == (
        "local",
        "PLAINTEXT",
        1,
    )
    assert run.topology.topic_partitions == 3
    storage = bucket_settings_of(run.storage)
    assert (storage.endpoint, storage.public_endpoint, storage.bucket) == (
        "http://127.0.0.1:4",
        None,
        "chatlog",
    )
    assert (storage.access_key, storage.secret_key, storage.path_style) == ("access", "secret", True)


def test_what_is_not_embedded_stays_as_it_is_given(tmp_path: Path) -> None:
    given = settings_from(
        vlab_env="staging",
        kafka_bootstrap_servers="a:1,b:2",
        database_url=DATABASE_URL,
        topic_replication=2,
        storage_bucket="theirs",
        api_jwt_secret="s" * 32,
    )

    run = settings_of_run(given, tmp_path)

    ours = {
        "data_dir": given.worker.data_dir,
        "log_format": given.log.format,
        "capture_media": False,
        "platforms": (),
    }
    assert changed(run, **ours) == (changed(given, vlab_chat_log_topic="vlab-staging-chat-log"))


def test_all_that_people_see_is_captured_unless_the_person_says_otherwise(tmp_path: Path) -> None:
    assert settings_of_run(settings_from(), tmp_path).worker.capture_media
    assert not settings_of_run(settings_from(capture_media=False), tmp_path).worker.capture_media


def test_every_platform_is_captured_unless_the_person_says_which(tmp_path: Path) -> None:
    assert settings_of_run(settings_from(), tmp_path).topology.platforms == WITHOUT_STATE
    for chosen in ((), ("discord",)):
        assert settings_of_run(settings_from(platforms=chosen), tmp_path).topology.platforms == chosen


def test_where_nobody_could_sign_in_a_secret_is_made_that_lasts_as_long_as_the_run(tmp_path: Path) -> None:
    first, again = (settings_of_run(settings_from(), tmp_path).api.jwt_secret for _ in range(2))

    assert first is not None
    assert len(first.get_secret_value()) >= 32
    assert first == again


def test_a_process_reads_the_settings_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings_from(kafka_ssl_cafile="", database_pool_size=7, group_instance_id="")
    run = settings_of_run(
        given,
        tmp_path,
        embedded_kafka="127.0.0.1:2",
        embedded_database=DATABASE_URL,
        embedded_storage=Storage(),
    )
    # As somebody may have it who writes names small.
    monkeypatch.setenv("database_url", "postgresql://other@127.0.0.1:3/other")

    environment = environment_of_worker(run, 1234, "http://127.0.0.1:4321")

    assert "database_url" not in environment
    monkeypatch.delenv("database_url")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settings_from() == changed(run, web_port=1234, api_public_url="http://127.0.0.1:4321")


def test_a_taken_port_is_passed_over() -> None:
    first = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        taken.listen()

        port = claim_port(first, option="--web-port")
        port.release()

    assert port.number > first


def test_two_runs_that_start_at_once_choose_different_ports() -> None:
    first = free_port()
    ports = [claim_port(first, option="--api-port"), claim_port(first, option="--web-port")]
    for port in ports:
        port.release()

    assert ports[0].number == first
    assert ports[1].number > first
