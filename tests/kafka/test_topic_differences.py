from __future__ import annotations

from dataclasses import replace

import pytest

from app.kafka.topic_differences import FoundTopic, TopicReport, TopicState, compare, days
from app.kafka.topics import DAY_MS, topics_of
from tests.services import settings_from

TOPICS = topics_of(settings_from(vlab_env="t", topic_partitions=6, topic_replication=2).topology)
SERVER = "--bootstrap-server kafka:9092"
MONTH_MS = 31 * DAY_MS

#: What a broker tells of a topic that was made as specified.
AS_NEEDED = {
    spec.name: FoundTopic(
        spec.name,
        spec.partitions,
        spec.replication,
        {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"} | spec.config,
    )
    for spec in TOPICS.all()
}


def report_on(name: str, **changes: object) -> TopicReport:
    """Report on one topic which is not as specified, among others that are."""
    config = dict(AS_NEEDED[name].config or {}) | {
        key.replace("_", "."): str(value)
        for key, value in changes.items()
        if key not in {"partitions", "replication"}
    }
    counts = {key: value for key, value in changes.items() if key in {"partitions", "replication"}}
    topic = replace(AS_NEEDED[name], config=config, **counts)  # type: ignore[arg-type] # chosen by the cases
    reports = compare(TOPICS, AS_NEEDED | {name: topic}, SERVER)
    return next(report for report in reports if report.spec.name == name)


def test_topics_made_as_specified_are_ok() -> None:
    reports = compare(TOPICS, AS_NEEDED, SERVER)
    assert [report.state for report in reports] == [TopicState.OK] * 10
    assert all(report.is_fit for report in reports)


def test_a_missing_topic_is_not_fit() -> None:
    reports = compare(TOPICS, {}, SERVER)
    assert [report.state for report in reports] == [TopicState.MISSING] * 10
    assert not any(report.is_fit for report in reports)


EVENTS, STATE, CHANGELOG = TOPICS.events.name, TOPICS.state.name, TOPICS.state_changelog.name
LED = "its records are led home by a topic of ours"
EVENTS_LED, STATES_LED = TOPICS.events_by_user.name, TOPICS.states_by_user.name
CHAT_LOG, DEAD_LETTERS, EXPORTS = TOPICS.chat_log.name, TOPICS.dead_letters.name, TOPICS.exports.name


@pytest.mark.parametrize(
    ("name", "changes", "what", "mend"),
    [
        (EVENTS_LED, {"partitions": 12}, "must be equal", f"--delete --topic {EVENTS_LED}"),
        (STATES_LED, {"partitions": 3}, "must be equal", f"--delete --topic {STATES_LED}"),
        (CHAT_LOG, {"replication": 1}, "1 replicas instead of 2", "set TOPIC_REPLICATION=1"),
        (CHAT_LOG, {"retention_ms": DAY_MS}, "kept 1 day instead of 31 days", f"retention.ms={MONTH_MS}"),
        (CHAT_LOG, {"retention_bytes": 10}, "up to 10 bytes a partition", "retention.bytes=-1"),
        (EVENTS, {"cleanup_policy": "compact"}, "compact instead of delete", "cleanup.policy=delete"),
        (EVENTS, {"cleanup_policy": "compact,delete"}, "instead of delete", "cleanup.policy=delete"),
        (CHANGELOG, {"cleanup_policy": "delete"}, "delete instead of compact", "cleanup.policy=compact"),
        (CHANGELOG, {"cleanup_policy": "compact,delete"}, "instead of compact", "cleanup.policy=compact"),
        (DEAD_LETTERS, {"max_message_bytes": 1000}, "takes records of 1000 bytes", "max.message.bytes="),
    ],
)
def test_what_can_lose_data_or_stop_a_worker_matters(
    name: str, changes: dict[str, object], what: str, mend: str
) -> None:
    report = report_on(name, **changes)
    assert report.state is TopicState.DIFFERS
    assert not report.is_fit
    (difference,) = report.differences
    assert what in difference.what
    assert mend in difference.mend


@pytest.mark.parametrize(
    ("name", "changes", "what"),
    [
        (EVENTS, {"partitions": 48}, f"48 partitions, and the state table has 6: {LED}"),
        (STATE, {"partitions": 2}, f"2 partitions, and the state table has 6: {LED}"),
        (CHAT_LOG, {"partitions": 12}, "12 partitions instead of 6"),
        (CHAT_LOG, {"partitions": 3}, "3 partitions instead of 6"),
        (EXPORTS, {"partitions": 1}, "1 partitions instead of 6"),
        # Others make these, and say how long they keep them.
        (EVENTS, {"retention_ms": 7 * DAY_MS}, "kept 7 days instead of 31 days"),
        (STATE, {"retention_ms": 7 * DAY_MS}, "kept 7 days instead of 31 days"),
        (
            EVENTS,
            {"retention_bytes": 10},
            "kept only up to 10 bytes a partition, which may be less than 31 days",
        ),
        (STATE, {"replication": 1}, "1 replicas instead of 2: a lost broker is lost data"),
        (EVENTS, {"retention_ms": -1}, "kept for ever instead of 31 days"),
        (EVENTS, {"retention_ms": 2 * MONTH_MS}, "kept 62 days instead of 31 days"),
    ],
)
def test_what_was_chosen_differently_is_told_and_does_not_matter(
    name: str, changes: dict[str, object], what: str
) -> None:
    report = report_on(name, **changes)
    assert report.state is TopicState.DIFFERS
    assert report.is_fit
    assert [difference.what for difference in report.differences] == [what]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (EVENTS, {"replication": 3}),
        (DEAD_LETTERS, {"max_message_bytes": 100_000_000}),
        (CHANGELOG, {"retention_ms": DAY_MS}),
        (CHANGELOG, {"retention_bytes": 10}),
    ],
)
def test_what_makes_no_difference_is_not_told(name: str, changes: dict[str, object]) -> None:
    assert report_on(name, **changes).state is TopicState.OK


def test_another_number_of_partitions_everywhere_is_fit() -> None:
    found = {
        name: replace(topic, partitions=24) if topic.partitions == 6 else topic
        for name, topic in AS_NEEDED.items()
    }
    reports = compare(TOPICS, found, SERVER)
    assert all(report.is_fit for report in reports)
    assert reports[0].differences[0].mend == "set TOPIC_PARTITIONS=24 if that is meant"


def test_a_configuration_that_may_not_be_read_is_told() -> None:
    found = {name: replace(topic, config=None) for name, topic in AS_NEEDED.items()}
    reports = compare(TOPICS, found, SERVER)
    assert all(report.is_fit for report in reports)
    assert {report.differences[0].what for report in reports} == {"its configuration may not be read"}


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(-1, "for ever"), (DAY_MS, "1 day"), (DAY_MS // 2, "0.5 days")]
)
def test_a_retention_is_said_in_days(milliseconds: int, said: str) -> None:
    assert days(milliseconds) == said
