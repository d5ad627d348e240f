from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

if TYPE_CHECKING:
    import migrations

    Database = asyncpg.Connection[asyncpg.Record]

ADD = "INSERT INTO chat_logging_config (platform, channel) VALUES ('twitch', 'attic')"
#: A rule holds so much later than it was changed.
AHEAD = timedelta(seconds=10)


async def versions(database: Database) -> list[tuple[object, ...]]:
    """Return what was kept, without times, in the order in which it holds."""
    return [
        tuple(row)
        for row in await database.fetch(
            "SELECT platform, channel, sampling_rate, is_deleted FROM chat_logging_config_versions "
            "ORDER BY valid_from"
        )
    ]


async def test_a_channel_is_recorded_as_the_document_says_where_nothing_is_said(database: Database) -> None:
    await database.execute(ADD)
    (row,) = await database.fetch("SELECT * FROM chat_logging_config")
    assert (row["is_enabled"], row["retention_days"], row["sampling_rate"]) == (True, 30, 1.0)
    assert row["config_id"] is not None
    # What is ours is as the platform's row says.
    assert {row[name] for name in ("deletions", "ignored_users", "bots", "exempt", "keep_raw")} == {None}


async def test_each_change_leaves_a_version_as_the_row_then_is(database: Database) -> None:
    await database.execute(ADD)
    await database.execute("UPDATE chat_logging_config SET sampling_rate = 0.1")
    await database.execute("DELETE FROM chat_logging_config")
    assert await versions(database) == [
        ("twitch", "attic", 1.0, False),
        ("twitch", "attic", 0.1, False),
        ("twitch", "attic", 0.1, True),
    ]


async def test_a_version_has_all_that_the_row_says(database: Database) -> None:
    await database.execute(
        "INSERT INTO chat_logging_config VALUES (DEFAULT, 'twitch', 'attic', false, 7, 0.5, 'archive', "
        "'hide', '{nightbot}', false, '{moderator,first}', false)"
    )
    (row,) = await database.fetch("SELECT * FROM chat_logging_config")
    (kept,) = await database.fetch("SELECT * FROM chat_logging_config_versions")
    version = dict(kept)
    assert version.pop("is_deleted") is False
    assert version.pop("valid_from") is not None
    assert version.pop("changed_by") == await database.fetchval("SELECT session_user")
    assert version == dict(row)


async def test_an_update_that_changes_nothing_is_no_change(database: Database) -> None:
    await database.execute(ADD)
    await database.execute("UPDATE chat_logging_config SET sampling_rate = 1, pre_drop_pipeline_id = NULL")
    await database.execute(f"{ADD} ON CONFLICT (platform, channel) DO UPDATE SET is_enabled = true")
    assert len(await versions(database)) == 1


async def test_a_rule_holds_10_s_after_the_transaction_and_not_after_its_statement(
    database: Database,
) -> None:
    async with database.transaction():
        await database.execute(ADD)
        await database.execute("SELECT pg_sleep(0.2)")
        ended = await database.fetchval("SELECT clock_timestamp()")
    now = await database.fetchval("SELECT clock_timestamp()")
    valid_from = await database.fetchval("SELECT valid_from FROM chat_logging_config_versions")
    assert ended + AHEAD <= valid_from <= now + AHEAD


async def test_changes_of_one_transaction_hold_in_their_order(database: Database) -> None:
    async with database.transaction():
        await database.execute(ADD)
        for hundredths in range(50):
            await database.execute("UPDATE chat_logging_config SET sampling_rate = $1", hundredths / 100)
    rates = [version[2] for version in await versions(database)]
    assert rates == [1.0, *(hundredths / 100 for hundredths in range(50))]


async def test_where_the_clock_is_set_back_a_later_change_is_later_all_the_same(database: Database) -> None:
    await database.execute(ADD)
    await database.execute(
        "UPDATE chat_logging_config_versions SET valid_from = valid_from + interval '1 hour'"
    )
    await database.execute("UPDATE chat_logging_config SET sampling_rate = 0.5")
    assert [version[2] for version in await versions(database)] == [1.0, 0.5]


async def test_under_another_name_the_rule_before_has_gone(database: Database) -> None:
    await database.execute(ADD)
    await database.execute("UPDATE chat_logging_config SET channel = 'cellar'")
    assert sorted(await versions(database), key=str) == [
        ("twitch", "attic", 1.0, False),
        ("twitch", "attic", 1.0, True),
        ("twitch", "cellar", 1.0, False),
    ]


async def test_a_change_that_is_taken_back_leaves_none(database: Database) -> None:
    transaction = database.transaction()
    await transaction.start()
    await database.execute(ADD)
    await transaction.rollback()
    assert await versions(database) == []


async def test_whoever_may_change_a_rule_leaves_a_version_that_they_cannot_touch(database: Database) -> None:
    await database.execute("SET ROLE chatlog_api")
    await database.execute("CREATE TEMP TABLE chat_logging_config_versions (of_the_caller int)")
    await database.execute("SET search_path = pg_temp, public")
    await database.execute(ADD)
    assert await database.fetchval("SELECT count(*) FROM public.chat_logging_config_versions") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await database.execute("UPDATE public.chat_logging_config_versions SET is_deleted = true")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sampling_rate", "-0.1"),
        ("sampling_rate", "1.1"),
        ("sampling_rate", "'NaN'"),
        ("retention_days", "0"),
        ("deletions", "'burn'"),
        ("exempt", "'{everybody}'"),
        ("ignored_users", "'{a,NULL}'"),
        ("channel", "''"),
        ("platform", "'Twitch'"),
        ("platform", "'*'"),
    ],
)
async def test_what_no_rule_can_mean_is_refused(database: Database, column: str, value: str) -> None:
    await database.execute(ADD)
    with pytest.raises(asyncpg.CheckViolationError):
        await database.execute(f"UPDATE chat_logging_config SET {column} = {value}")


@pytest.mark.parametrize(("platform", "channel"), [("twitch", "*"), ("*", "*")])
async def test_a_rule_can_be_for_all_channels_and_for_all_platforms(
    database: Database, platform: str, channel: str
) -> None:
    await database.execute(
        "INSERT INTO chat_logging_config (platform, channel, is_enabled, retention_days, sampling_rate) "
        "VALUES ($1, $2, NULL, NULL, NULL)",
        platform,
        channel,
    )
    assert await versions(database) == [(platform, channel, None, False)]


async def test_of_two_at_once_the_one_that_waited_holds_last(
    migrated: migrations.Connect, database: Database
) -> None:
    await database.execute(ADD)
    other = await migrated()
    async with database.transaction():
        await database.execute("UPDATE chat_logging_config SET sampling_rate = 0.1")
        waiting = asyncio.create_task(other.execute("UPDATE chat_logging_config SET sampling_rate = 0.2"))
        await database.execute("SELECT pg_sleep(0.2)")
    await waiting
    await other.close()
    assert [version[2] for version in await versions(database)] == [1.0, 0.1, 0.2]
