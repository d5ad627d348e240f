"""Threads of several tenants, two of which name a learner alike, where all conversations are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from app.postgres.connections import connect
from models.access import DEFAULT_TENANT, THREADS, Thing, thread_thing
from tests.site.talks import BEGAN, MINUTE, Writer, room

if TYPE_CHECKING:
    from uuid import UUID

    from app.settings import Settings


class LearnersThread(NamedTuple):
    """A thread with one message.

    Attributes:
        tenant: whose.
        learner: of which learner.
        said: what is said in it.
    """

    tenant: str
    learner: str
    said: str

    @property
    def talk(self) -> UUID:
        """The id of its conversation."""
        return room(self.tenant, THREADS, f"thread of {self.learner}")

    @property
    def thing(self) -> Thing:
        """What the right to it depends on."""
        return thread_thing(self.tenant, self.learner)


#: Two learners of a tenant, one of another, and one of nobody in particular.
THREADS_OF = {
    "acme 7": LearnersThread("acme", "7", "said in sage23 of learner 7 of acme"),
    "acme 8": LearnersThread("acme", "8", "said in mint34 of learner 8 of acme"),
    "north 7": LearnersThread("north", "7", "said in dill45 of learner 7 of north"),
    "default 7": LearnersThread(DEFAULT_TENANT, "7", "said in cress56 of learner 7"),
}


async def add_threads(settings: Settings) -> dict[str, UUID]:
    """Write a message in each thread; return their ids, by the names of `THREADS_OF`."""
    database = await connect(settings.database)
    try:
        write = Writer(database)
        said = {
            name: await write.say(
                thread.said,
                BEGAN + (20 + number) * MINUTE,
                platform=THREADS,
                channel=thread.tenant,
                thread=f"thread of {thread.learner}",
                kind="thread",
                author="teacher-1",
                learner=thread.learner,
                raw_payload={"a": thread.said},
            )
            for number, (name, thread) in enumerate(THREADS_OF.items())
        }
        await database.execute(
            "UPDATE conversations SET updated = last_at, changed = started WHERE platform = $1", THREADS
        )
        return said
    finally:
        await database.close()
