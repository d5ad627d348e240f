"""What came of the audits of a run, counted, and told in words."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.audits import SkipReason

if TYPE_CHECKING:
    from app.backfill.audit_sources import BadRow
    from sinks.postgres.audit_rows import AuditsWritten

#: Errors that are told one by one.
TOLD_ERRORS = 20
#: Names of unknown actors that are told; a column that is no actor's would have a name a row.
_TOLD_ACTORS = 50
_OTHERS = "others"


@dataclass(slots=True)
class AuditCounts:
    """What came of them.

    Attributes:
        audits: how many were looked at.
        conversations: how many were made.
        old_conversations: how many were there that something was looked up for.
        messages: how many were made.
        old_messages: how many were there already.
        changed: audits that were taken before, and have been changed since.
        skipped: audits that tell of no message, by why.
        actors: those that are not known, and how many audits are theirs.
        errors: rows that could not be taken.
        first_errors: the first of these.
    """

    audits: int = 0
    conversations: int = 0
    old_conversations: int = 0
    messages: int = 0
    old_messages: int = 0
    changed: int = 0
    skipped: Counter[SkipReason] = field(default_factory=Counter)
    actors: Counter[str] = field(default_factory=Counter)
    errors: int = 0
    first_errors: list[BadRow] = field(default_factory=list)

    def note_error(self, row: BadRow) -> None:
        """Count a row that could not be taken."""
        self.errors += 1
        if len(self.first_errors) < TOLD_ERRORS:
            self.first_errors.append(row)

    def note_actor(self, actor: str) -> None:
        """Count an audit by somebody unknown."""
        self.skipped[SkipReason.UNKNOWN_ACTOR] += 1
        self.actors[actor if actor in self.actors or len(self.actors) < _TOLD_ACTORS else _OTHERS] += 1

    def note_written(self, written: AuditsWritten) -> None:
        """Count a batch."""
        self.conversations += len(written.new_talks)
        self.old_conversations += len(written.old_talks)
        self.messages += len(written.made)
        self.old_messages += written.there
        self.changed += len(written.changed)
        self.skipped[SkipReason.OPTED_OUT] += len(written.opted_out)

    def with_written(self, written: AuditsWritten) -> AuditCounts:
        """Return what these are with a batch."""
        more = deepcopy(self)
        more.note_written(written)
        return more

    def as_row(self) -> dict[str, object]:
        """Return what is kept of them with the run."""
        return {
            "audits": self.audits,
            "conversations": self.conversations,
            "conversations_there": self.old_conversations,
            "messages": self.messages,
            "messages_there": self.old_messages,
            "changed": self.changed,
            "skipped": {reason.name.lower(): many for reason, many in self.skipped.items()},
            "unknown_actors": dict(self.actors),
            "errors": self.errors,
        }

    def lines(self) -> list[str]:
        """Return them for people."""
        skipped = [(reason, self.skipped[reason]) for reason in SkipReason if self.skipped[reason]]
        rows: list[tuple[str, int]] = [
            ("Conversations created", self.conversations),
            ("Conversations skipped: they are there", self.old_conversations),
            ("Messages created", self.messages),
            ("Messages skipped: they are there", self.old_messages),
            ("Audits processed", self.audits),
            ("Audits skipped", self.skipped.total()),
        ]
        for reason, many in skipped:
            rows.append((f"  {reason}", many))
            if reason is SkipReason.UNKNOWN_ACTOR:
                rows += ((f"    {actor or '(none)'}", by) for actor, by in self.actors.most_common())
        rows += [
            ("Audits changed since they were taken, and left", self.changed),
            ("Errors", self.errors),
        ]
        width = max(len(name) for name, _ in rows)
        digits = max(len(f"{many:,}") for _, many in rows)
        return [f"{name:<{width}}  {many:>{digits},}" for name, many in rows]
