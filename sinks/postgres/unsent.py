"""What people took back on Messenger: it stays in chat_log, and is neither shown, searched nor exported.

That something was taken back is a row of its own, of type `unsent`, which names the message by the platform's
id (`mid`). Neither that message is shown nor its edits, which name it too. Such rows are few, and have an
index; so they are asked for each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from sinks.postgres.reading import Conditions, Database

_SQL = statements("reading")

#: Messenger's id of the message that a row of `all_messages` is or is about, to be compared with what was
#: taken back; NULL where the row names none.
MID = "coalesce(raw_payload #>> '{message,mid}', raw_payload #>> '{message_edit,mid}')"
#: The type of the rows that say so.
UNSENT = "unsent"
# The payload is only read of people who took something back. As subqueries, so that the ids are hashed, and
# rows that come in an order stay in it.
_NOT_TAKEN_BACK = (
    f"(message_type IS NOT DISTINCT FROM '{UNSENT}'::varchar "
    "OR {person} NOT IN (SELECT unnest({people}::varchar[])) "
    f"OR coalesce({MID.replace('{', '{{').replace('}', '}}')}, '') NOT IN (SELECT unnest({{mids}}::text[])))"
)


@dataclass(frozen=True, slots=True)
class Unsent:
    """Messages that people took back.

    Attributes:
        taken: since when, by whose and the platform's id.
    """

    taken: Mapping[tuple[str, str], datetime] = field(default_factory=dict)

    def since(self, person: str | None, mid: str | None, message_type: str | None) -> datetime | None:
        """Return when a message of `all_messages` was taken back; None if it was not.

        Args:
            person: its `author_id`.
            mid: its `MID`.
            message_type: as it is there.
        """
        if person is None or mid is None or message_type == UNSENT:
            return None
        return self.taken.get((person, mid))

    def keep_out(self, conditions: Conditions) -> None:
        """Have a statement on `all_messages` leave them out."""
        if self.taken:
            kept = self.kept("author_id", conditions.parameter)
            conditions.add_fixed(f"(platform <> 'messenger'::varchar OR {kept})")

    def kept(self, person: str, parameter: Callable[[object], str]) -> str:
        """Return what is so of the rows of Messenger that were not taken back, as SQL.

        Args:
            person: the column that says whose they are.
            parameter: takes a value; returns what stands for it.
        """
        people, mids = [userid for userid, _ in self.taken], [mid for _, mid in self.taken]
        return _NOT_TAKEN_BACK.format(person=person, people=parameter(people), mids=parameter(mids))


async def find_unsent(database: Database, people: Iterable[str] | None = None) -> Unsent:
    """Return what was taken back by these people, or by anybody."""
    if people is None:
        rows = await database.fetch(_SQL.find_unsent)
    else:
        asked = list(set(people))
        rows = await database.fetch(_SQL.find_unsent_of, asked) if asked else []
    return Unsent({(row["userid"], row["mid"]): row["since"] for row in rows})
