"""Rules of channels are read from their tables as the documents set them, and outlive an outage."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import pytest

from models.channels import ChannelRule, Unrecorded
from sinks.errors import CannotGoOn
from sinks.postgres.channel_rules import RuleTables, fresh_rules
from sinks.retry import RetryPolicy
from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from models.channels import PlatformRules, Rules
    from sinks.postgres.fresh import Fresh

#: Long after whatever a test sets, which holds after 10 s.
LATER_MS = 4_000_000_000_000


@asynccontextmanager
async def kept_fresh(pool: asyncpg.Pool) -> AsyncIterator[Fresh[Rules]]:
    rules = fresh_rules(pool, RetryPolicy("test"), every_s=0.05)
    task = asyncio.create_task(rules.keep_fresh())
    try:
        yield rules
    finally:
        task.cancel()


async def loaded(pool: asyncpg.Pool, platform: str = "twitch") -> PlatformRules:
    return (await RuleTables(pool).load()).of(platform)


async def test_what_is_set_holds_and_what_is_left_open_is_inherited(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        INSERT INTO chat_logging_config
            (platform, channel, is_enabled, retention_days, sampling_rate, bots, exempt)
        VALUES ('twitch', '*', NULL, 90, 0.5, false, '{mention}');
        INSERT INTO chat_logging_config
            (platform, channel, retention_days, sampling_rate, ignored_users, keep_raw)
        VALUES ('twitch', '12', NULL, NULL, '{spy}', false)
        """
    )
    assert (await loaded(pool)).at("12", LATER_MS) == ChannelRule(
        retention_days=90,
        sampling_rate=0.5,
        bots=False,
        exempt=frozenset({"mention"}),
        ignored_users=frozenset({"spy"}),
        keep_raw=False,
    )


async def test_a_change_holds_from_its_time_on_and_a_row_that_is_gone_holds_up_to_its_end(
    pool: asyncpg.Pool,
) -> None:
    await pool.execute("INSERT INTO chat_logging_config (platform, channel) VALUES ('twitch', '12')")
    await pool.execute("UPDATE chat_logging_config SET is_enabled = false")
    await pool.execute("DELETE FROM chat_logging_config")
    _, off_us, deleted_us = [
        row["us"]
        for row in await pool.fetch(
            "SELECT (extract(epoch FROM valid_from) * 1000000)::bigint AS us "
            "FROM chat_logging_config_versions ORDER BY valid_from"
        )
    ]
    rules = await loaded(pool)
    off_ms, deleted_ms = -(-off_us // 1000), -(-deleted_us // 1000)
    found = [rules.at("12", ms).is_enabled for ms in (off_ms - 1, off_ms, deleted_ms - 1, deleted_ms)]
    assert found == [True, off_ms == deleted_ms, off_ms == deleted_ms, True]


async def test_opt_outs_and_the_parents_of_channels_with_rules_are_known(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        INSERT INTO opt_outs (platform, person_id, since, until)
        VALUES ('discord', 'gone', '-infinity', NULL), ('discord', 'back', to_timestamp(1), to_timestamp(2));
        INSERT INTO chat_logging_config (platform, channel, is_enabled) VALUES ('discord', 'room', false);
        INSERT INTO channel_parents (platform, channel, parent)
        VALUES ('discord', 'thread', 'room'), ('discord', 'other', 'elsewhere')
        """
    )
    rules = await loaded(pool, "discord")
    assert rules.unrecorded(ChannelRule(), "gone", 0) is Unrecorded.OPTED_OUT
    assert [rules.has_opted_out("back", ms) for ms in (999, 1000, 1999, 2000)] == [False, True, True, False]
    assert not rules.at("thread", LATER_MS).is_enabled
    assert rules.at("other", LATER_MS).is_enabled


async def test_opt_outs_whose_ends_are_infinite_are_as_they_say(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        INSERT INTO opt_outs (platform, person_id, since, until)
        VALUES ('twitch', 'gone', to_timestamp(1), 'infinity'), ('twitch', 'never', 'infinity', NULL),
            ('twitch', 'no more', '-infinity', '-infinity')
        """
    )
    rules = await loaded(pool)
    assert [rules.has_opted_out("gone", ms) for ms in (999, 1000, LATER_MS)] == [False, True, True]
    assert not rules.has_opted_out("never", LATER_MS)
    assert not rules.has_opted_out("no more", 0)


@pytest.mark.parametrize("column", ["ignored_users", "exempt"])
async def test_a_rule_that_no_worker_could_read_is_refused(pool: asyncpg.Pool, column: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute(
            f"INSERT INTO chat_logging_config (platform, channel, {column}) "
            "VALUES ('twitch', '12', '{{reply},{first}}')"
        )


async def test_nothing_is_made_anew_while_nothing_changes(pool: asyncpg.Pool) -> None:
    tables = RuleTables(pool)
    await pool.execute("INSERT INTO chat_logging_config (platform, channel) VALUES ('twitch', '12')")
    first = await tables.load()
    assert await tables.load() is first
    await pool.execute("UPDATE chat_logging_config SET keep_raw = false")
    assert await tables.load() is not first


async def test_what_is_known_stays_while_the_tables_cannot_be_read_and_is_read_again_after(
    pool: asyncpg.Pool,
) -> None:
    await pool.execute(
        "INSERT INTO chat_logging_config (platform, channel, is_enabled) VALUES ('twitch', '12', false)"
    )
    async with kept_fresh(pool) as rules:
        known = await rules.known()
        await pool.execute("ALTER TABLE opt_outs RENAME TO opt_outs_away")
        await rules.refresh()
        assert await rules.known() is known
        await pool.execute("ALTER TABLE opt_outs_away RENAME TO opt_outs")
        await pool.execute(
            "INSERT INTO opt_outs (platform, person_id, since) VALUES ('twitch', 'shy', '-infinity')"
        )

        async def has_opted_out() -> bool:
            assert (await rules.known()).of("twitch").has_opted_out("shy", 0)
            return True

        await eventually(has_opted_out)


async def test_without_the_tables_nothing_begins(pool: asyncpg.Pool) -> None:
    await pool.execute("ALTER TABLE opt_outs RENAME TO opt_outs_away")
    with pytest.raises(CannotGoOn, match="chatlog migrate up"):
        await fresh_rules(pool, RetryPolicy("test")).known()
