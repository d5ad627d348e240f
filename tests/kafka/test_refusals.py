"""Brokers that refuse our credentials: a start ends in one line, as waiting does not mend it."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest

from app.kafka.refusals import raise_if_refused
from app.kafka.topic_admin import KafkaUnavailable, ensure_topics, inspect_topics
from app.local.embedded.ports import free_port
from app.local.environment import environment_of
from app.settings import ConfigurationError, Role
from tests.services import settings_for_tests
from tests.services.sasl_kafka import PASSWORD, USER, SaslKafka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from app.settings import Settings

WRONG = "not the password"
#: The start of an interpreter and of a client, on a busy machine.
START_S = 120.0


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[SaslKafka]:
    async with SaslKafka(tmp_path / "kafka") as started:
        yield started


def settings_of(servers: str, unique_env: str, tmp_path: Path, **different: Any) -> Settings:
    sasl = {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_username": USER,
        "kafka_sasl_password": PASSWORD,
    }
    return settings_for_tests(
        unique_env, servers, "postgresql://u:p@127.0.0.1:1/d", tmp_path, **(sasl | different)
    )


async def test_whom_the_broker_refuses_ends_in_one_line_and_waits_for_nothing(
    broker: SaslKafka, unique_env: str, tmp_path: Path
) -> None:
    right = settings_of(broker.bootstrap_servers, unique_env, tmp_path)
    await ensure_topics(right.kafka, right.topology)
    await raise_if_refused(right.kafka)

    for different, named in (
        ({"kafka_sasl_password": WRONG}, "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD"),
        ({"kafka_sasl_username": "nobody"}, "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD"),
        ({"kafka_sasl_mechanism": "SCRAM-SHA-256"}, "KAFKA_SASL_MECHANISM=SCRAM-SHA-256"),
    ):
        refused = settings_of(broker.bootstrap_servers, unique_env, tmp_path, **different)
        with pytest.raises(ConfigurationError, match=named) as raised:
            await inspect_topics(refused.kafka, refused.topology)
        assert "\n" not in str(raised.value)
        assert WRONG not in str(raised.value)
        assert PASSWORD not in str(raised.value)

    wrong = settings_of(broker.bootstrap_servers, unique_env, tmp_path, kafka_sasl_password=WRONG)
    status, said = await run(wrong, "worker", Role.PERSIST.value)
    assert status not in {0, None}
    assert said.count("The worker cannot start") == 1
    assert "KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD" in said
    assert "Traceback" not in said
    assert WRONG not in said


async def test_a_broker_that_is_away_is_not_one_that_refuses(unique_env: str, tmp_path: Path) -> None:
    away = settings_of(f"127.0.0.1:{free_port()}", unique_env, tmp_path)
    await raise_if_refused(away.kafka)
    with pytest.raises(KafkaUnavailable, match="does not answer"):
        await inspect_topics(away.kafka, away.topology)


async def run(settings: Settings, *arguments: str) -> tuple[int | None, str]:
    """Run a command to its end; return its status, and all that it said."""
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", "from app.commands import main; main()", *arguments),
        env=environment_of(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(command.communicate(), START_S)
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()
    return command.returncode, said.decode()
