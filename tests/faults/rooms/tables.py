"""Reads the tables as `tests.faults.rooms.model` expects them, and whole, to see whether anything changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.faults.rooms.model import OptOut, Version

if TYPE_CHECKING:
    import asyncpg

    from tests.faults.rooms.model import Table

    Connection = asyncpg.Connection[asyncpg.Record]

#: The tables of which every row is compared: their keys, and columns beside those.
COMPARED = (
    "messages",
    "message_versions",
    "message_clears",
    "message_days",
    "stays",
    "conversations",
    "people",
)
UNFOLDED = "SELECT (SELECT count(*) FROM message_day_deltas) + (SELECT count(*) FROM stay_deltas)"

_MS = "floor(extract(epoch FROM {0}) * 1000)::bigint AS {0}"
_AT = {name: _MS.format(name) for name in ("timestamp", "edited", "deleted", "changed", "cleared")}
_AT |= {name: _MS.format(name) for name in ("joined", "last_at", "started")}
#: Statement, and how many of its columns are the key.
_READ: dict[str, tuple[str, int]] = {
    "messages": (
        f"""SELECT id::varchar, platform, {_AT["timestamp"]}, channel,
            conversation_id::varchar, role, author_id, content, message_type, reply_to::varchar,
            weight::double precision AS weight, {_AT["edited"]}, {_AT["deleted"]}, deletion,
            raw_payload IS NOT NULL AS has_raw
        FROM messages""",
        1,
    ),
    "message_versions": (
        f"""SELECT source::varchar, kind, {_AT["changed"]}, content, deletion, NOT applied AS may_wait
        FROM message_versions""",
        3,
    ),
    "message_clears": (
        f"SELECT platform, channel, author_id, {_AT['cleared']}, deletion FROM message_clears",
        4,
    ),
    "message_days": (
        "SELECT platform, channel, day::varchar, role, messages, weight, mirrors FROM message_days",
        4,
    ),
    "stays": (
        f"SELECT platform, channel, person_id, {_AT['joined']}, {_AT['last_at']}, messages, told FROM stays",
        4,
    ),
    "conversations": (
        f"""SELECT id::varchar, kind, captured, {_AT["started"]},
            CASE WHEN kind <> 'channel' THEN floor(extract(epoch FROM last_at) * 1000)::bigint END AS last_at
        FROM conversations""",
        1,
    ),
    "people": ("SELECT platform, person_id, name FROM people", 2),
    "dead_letters": (
        'SELECT topic, partition, "offset", reason FROM dead_letters WHERE replayed_at IS NULL',
        3,
    ),
}
#: What reading everything again may not change. Notes of when something was looked at are no data.
_WHOLE = {
    "message_versions": "to_jsonb(t) - 'noted' - 'settled'",
    "message_clears": "to_jsonb(t) - 'noted' - 'settled'",
    "people": "to_jsonb(t) - 'named'",
    "sampled_out": "to_jsonb(t)",
    "channel_parents": "to_jsonb(t)",
    "dead_letters": 'jsonb_build_array(topic, partition, "offset", reason)',
    **dict.fromkeys(("messages", "message_days", "stays", "conversations"), "to_jsonb(t)"),
}
_RULE = (
    "is_enabled",
    "sampling_rate",
    "deletions",
    "ignored_users",
    "bots",
    "exempt",
    "keep_raw",
)


async def read(connection: Connection) -> dict[str, Table]:
    """Return the tables, each by its key."""
    found: dict[str, Table] = {}
    for name, (statement, keys) in _READ.items():
        rows = [dict(row) for row in await connection.fetch(statement)]
        found[name] = {tuple(row.values())[:keys]: dict([*row.items()][keys:]) for row in rows}
    return found


async def whole(connection: Connection) -> dict[str, list[Any]]:
    """Return all that the tables hold, in an order of its own."""
    return {
        name: [
            json.loads(row[0])
            for row in await connection.fetch(f"SELECT {row} FROM {name} AS t ORDER BY ({row})::varchar")
        ]
        for name, row in _WHOLE.items()
    }


async def rules(connection: Connection) -> tuple[list[Version], list[OptOut]]:
    """Return every version of every rule, and who opted out."""
    versions = [
        Version(
            row["platform"],
            row["channel"],
            row["valid_from_us"],
            row["is_deleted"],
            {name: row[name] for name in _RULE},
        )
        for row in await connection.fetch(
            "SELECT *, round(extract(epoch FROM valid_from) * 1000000)::bigint AS valid_from_us "
            "FROM chat_logging_config_versions"
        )
    ]
    opt_outs = [
        OptOut(*row)
        for row in await connection.fetch(
            "SELECT platform, person_id, round(extract(epoch FROM since) * 1000000)::bigint, "
            "round(extract(epoch FROM until) * 1000000)::bigint FROM opt_outs"
        )
    ]
    return versions, opt_outs
