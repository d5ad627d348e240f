from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from click.testing import CliRunner

from app.commands.topics import topics as topics_command
from app.kafka.topic_admin import (
    KafkaUnavailable,
    TopicsUnfit,
    check_partitions,
    ensure_topics,
    inspect_topics,
    partition_counts,
)
from app.kafka.topic_differences import TopicState
from app.kafka.topics import topics_of
from app.local.embedded import free_port
from tests.services import as_environment, eventually, in_own_loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from app.settings import Settings

    SettingsFor = Callable[..., Settings]


async def make(settings: Settings, name: str, partitions: int, **config: str) -> None:
    """Make a topic as someone else would have."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    try:
        configs = {key.replace("_", "."): value for key, value in config.items()}
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])

        async def is_visible() -> bool:
            return name in await admin.list_topics()

        await eventually(is_visible)  # brokers learn of it a moment later
    finally:
        await admin.close()


@pytest.fixture
def system(settings: SettingsFor) -> Settings:
    return settings()


async def test_what_is_missing_is_made_as_specified(system: Settings) -> None:
    before = await inspect_topics(system.kafka, system.topology)
    made = await ensure_topics(system.kafka, system.topology)
    after = await inspect_topics(system.kafka, system.topology)

    assert {report.state for report in before} == {TopicState.MISSING}
    assert {report.state for report in made} == {TopicState.CREATED}
    assert {report.state for report in after} == {TopicState.OK}
    assert all(report.found for report in after)
    assert all(report.found.partitions == report.spec.partitions for report in after if report.found)
    assert {report.spec.partitions for report in after} == {1, 4}


async def test_what_is_there_is_left_alone(system: Settings) -> None:
    exports = topics_of(system.topology).exports.name
    await make(system, exports, 1, retention_ms="1000")
    for _ in range(2):
        reports = await ensure_topics(system.kafka, system.topology)
    (report,) = [report for report in reports if report.spec.name == exports]
    assert report.state is TopicState.DIFFERS
    assert not report.is_fit
    assert report.found is not None
    assert (report.found.partitions, (report.found.config or {})["retention.ms"]) == (1, "1000")


async def test_two_at_once_both_succeed(system: Settings) -> None:
    reports = await asyncio.gather(
        ensure_topics(system.kafka, system.topology),
        ensure_topics(system.kafka, system.topology),
    )
    assert all(report.is_fit for made in reports for report in made)


@pytest.mark.parametrize("there", ["events", "state", "state_changelog", "chat_log"])
async def test_new_topics_get_the_partitions_of_those_they_must_fit(system: Settings, there: str) -> None:
    topics = topics_of(system.topology)
    await make(system, getattr(topics, there).name, 7, cleanup_policy="compact")
    await ensure_topics(system.kafka, system.topology)
    counts = await check_partitions(system.kafka, system.topology)
    fitting = (topics.events, topics.state, topics.chat_log, *topics.by_home)
    assert {counts[spec.name] for spec in fitting} == {7}
    assert counts[topics.exports.name] == 4


async def test_a_worker_learns_the_partitions_of_each_topic(system: Settings) -> None:
    await ensure_topics(system.kafka, system.topology)
    counts = await check_partitions(system.kafka, system.topology)
    topics = topics_of(system.topology)
    assert counts == {spec.name: 1 if spec == topics.watermarks else 4 for spec in topics.all()}


async def test_homes_are_as_many_as_the_states_have_partitions(system: Settings) -> None:
    topics = topics_of(system.topology)
    await make(system, topics.events.name, 8)
    await make(system, topics.state.name, 2)
    await make(system, topics.chat_log.name, 12)
    await ensure_topics(system.kafka, system.topology)
    counts = await check_partitions(system.kafka, system.topology)
    assert {counts[spec.name] for spec in topics.by_home} == {2}


async def test_homes_of_unequal_partitions_are_refused(system: Settings) -> None:
    topics = topics_of(system.topology)
    await make(system, topics.state_changelog.name, 4, cleanup_policy="compact")
    await make(system, topics.events_by_user.name, 3)
    await ensure_topics(system.kafka, system.topology)
    name = topics.events_by_user.name
    with pytest.raises(TopicsUnfit, match=f"{name} has 3 partitions and the state table has 4") as raised:
        await check_partitions(system.kafka, system.topology)
    assert "`chatlog topics` says how to mend it" in str(raised.value)


async def test_a_missing_topic_is_named(system: Settings) -> None:
    name = topics_of(system.topology).events.name
    with pytest.raises(TopicsUnfit, match=f"Missing in Kafka: {name}. Run `chatlog topics`"):
        await partition_counts(system.kafka, [name])


async def test_looking_makes_no_topic(system: Settings) -> None:
    with pytest.raises(TopicsUnfit):
        await check_partitions(system.kafka, system.topology)
    assert {report.state for report in await inspect_topics(system.kafka, system.topology)} == {
        TopicState.MISSING
    }


async def test_more_replicas_than_brokers_is_one_line_that_names_the_setting(settings: SettingsFor) -> None:
    system = settings(topic_replication=3)
    with pytest.raises(TopicsUnfit) as raised:
        await ensure_topics(system.kafka, system.topology)
    assert str(raised.value).startswith("Topics cannot have 3 replicas here")
    assert "Set TOPIC_REPLICATION" in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_a_broker_that_is_down_is_one_line_that_names_it(settings: SettingsFor) -> None:
    server = f"127.0.0.1:{free_port()}"
    system = settings(kafka_bootstrap_servers=server)
    with pytest.raises(KafkaUnavailable, match=f"Kafka at {server} does not answer"):
        await inspect_topics(system.kafka, system.topology)


class TestTheCommand:
    """`chatlog topics`."""

    def test_it_shows_each_topic_and_ends_well(
        self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = run(settings(), monkeypatch), run(settings(), monkeypatch)
        topics = topics_of(settings().topology)
        for spec in topics.all():
            assert cells(first, spec.name)[1:4] == [spec.holds, str(spec.partitions), "1"]
            assert cells(first, spec.name)[5] == "created"
            assert cells(second, spec.name)[5] == "ok"
        assert cells(first, topics.events.name)[4] == "31 days"
        assert cells(first, topics.state_changelog.name)[4] == "newest of each key"
        assert (first.exit_code, second.exit_code) == (0, 0)

    def test_a_dry_run_makes_nothing(self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(2):
            result = run(settings(), monkeypatch, "--dry-run")
            assert cells(result, topics_of(settings().topology).events.name)[5] == "missing"
            assert "To create what is missing: chatlog topics" in result.output
            assert result.exit_code == 1

    def test_what_matters_fails_and_says_how_to_mend_it(
        self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = topics_of(settings().topology).chat_log.name
        in_own_loop(make(settings(), name, 4, retention_ms="86400000"))
        result = run(settings(), monkeypatch)
        server = settings().kafka.bootstrap_servers[0]
        assert f"✗ {name}: kept 1 day instead of 31 days" in result.output
        assert (
            f"  to mend it: kafka-configs.sh --bootstrap-server {server} --alter --entity-type topics "
            f"--entity-name {name} --add-config retention.ms=2678400000\n"
        ) in result.output
        assert result.exit_code == 1

    def test_what_does_not_matter_is_told_and_ends_well(
        self, settings: SettingsFor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = topics_of(settings().topology).exports.name
        in_own_loop(make(settings(), name, 1, retention_ms="-1"))
        result = run(settings(), monkeypatch)
        assert f"! {name}: kept for ever instead of 31 days" in result.output
        assert result.exit_code == 0


def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(topics_command, arguments, catch_exceptions=False)


def cells(result: Result, name: str) -> list[str]:
    """Return the cells of a topic's row, the name first."""
    (line,) = [line for line in result.output.splitlines() if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]
