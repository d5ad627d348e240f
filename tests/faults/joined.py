"""What capture must not get wrong while things break: every message has the state that was before it.

That each message is a row, once, is the ledger's matter; here it is what the row says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.kafka.topics import topics_of
from models.entries import decode_entry
from tests.faults.cluster import ends
from tests.sinks.kafka.topics import all_records_in
from tests.workers import rows_of

if TYPE_CHECKING:
    from app.settings import Settings
    from tests.conversations import Conversations


async def assert_joined_as_expected(system: Settings, *said: Conversations) -> None:
    """Compare each row with what it must say, given all states."""
    found = {
        key: (row["content"], row["question_ref"], row["shortcode"], row["pageid"])
        for key, row in (await rows_of(system)).items()
    }
    expected = {
        key: (e.content, e.question_ref, e.shortcode, e.pageid)
        for conversations in said
        for key, e in conversations.expected.items()
    }
    wrong = [(key, found.get(key), right) for key, right in expected.items() if found.get(key) != right]
    assert not wrong, f"{len(wrong)} of {len(expected)} rows are not as expected, such as {wrong[:3]}"


async def contradictions(system: Settings) -> list[tuple[bytes, bytes]]:
    """Return entries of the chat-log topic that are of one message and not equal.

    Where there are any, it is chance which one is the row.
    """
    seen: dict[tuple[str, int, str], bytes] = {}
    found = []
    for record in await all_records_in(
        system.kafka.require_servers()[0], topics_of(system.topology).chat_log.name
    ):
        first = seen.setdefault(decode_entry(record.value).key, record.value)
        if first != record.value:
            found.append((first, record.value))
    return found


async def entries_in(system: Settings) -> int:
    """Return how many entries the chat-log topic has had."""
    return sum((await ends(system, topics_of(system.topology).chat_log.name)).values())


async def entries_are_at_least(system: Settings, number: int) -> bool:
    """Tell whether the chat-log topic has had so many entries."""
    there = await entries_in(system)
    assert there >= number, f"{there} entries of {number}"
    return True
