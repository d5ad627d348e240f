"""The idiom of the guides: an agent that writes each state to a table, and one that sends each entry.

Tuned: uvloop, memory store, the same functions as ours to decode, extract and encode, the entry's delivery
not awaited. It promises less: an event takes whatever state the table holds when it is read, not the one
before it, and is acknowledged before its entry is delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust

from app.kafka.topics import groups_of, topics_of
from app.settings import load_settings
from benchmarks.contenders.idiom import app_of, run
from models.entries import encode_entry
from models.platforms.messenger import extract_chat_log_entry, parse_event

if TYPE_CHECKING:
    from faust.types import StreamT

#: Of a state, what an entry is made of.
COUNTS = ("forms", "question", "md")

settings = load_settings()
topics = topics_of(settings.topology)
app = app_of(groups_of(settings.topology).capture, settings)
as_json: faust.Schema[Any, Any] = faust.Schema(key_serializer="json", value_serializer="json")
states_of_users = app.Table("states", partitions=settings.topology.topic_partitions, schema=as_json)
chat_log = app.topic(topics.chat_log.name, value_type=bytes)


@app.agent(app.topic(topics.state.name, value_serializer="json"))
async def feed_states(states: StreamT[dict[str, Any]]) -> None:
    """Keep what counts of each user's newest state."""
    async for key, record in states.items():
        state = record["state_json"]
        states_of_users[_userid(key)] = {name: state[name] for name in COUNTS if name in state}


@app.agent(app.topic(topics.events.name, value_type=bytes))
async def capture(events: StreamT[bytes]) -> None:
    """Send an entry for each event that is a visible message."""
    async for key, raw in events.items():
        entry = extract_chat_log_entry(parse_event(raw), states_of_users.get(_userid(key)) or {})
        if entry is not None:
            await chat_log.send(key=key, value=encode_entry(entry))


def _userid(key: Any) -> str:
    """Return whom a record is of. Faust's types allow for anything as a key."""
    return str(key, "utf-8")


if __name__ == "__main__":
    run(app)
