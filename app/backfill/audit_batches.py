"""What is to be written at a time of what a run reads: messages, and what of audits is to be counted only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.audits import Audit, AuditMessage, SkipReason

#: Messages of a transaction, and characters of theirs: some tenths of a second, some megabytes.
BATCH_MESSAGES, BATCH_CHARACTERS = 4_000, 4_000_000
#: Audits of which no message is made; each is little.
BATCH_SKIPPED = 20_000


@dataclass(frozen=True, slots=True)
class SkippedAudit:
    """An audit of which no message is made.

    Attributes:
        id: its id.
        actor: who acted.
        why: none is made.
        digest: of the message that it would be; None where it tells of none.
    """

    id: str
    actor: str
    why: SkipReason
    digest: bytes | None


@dataclass(slots=True)
class AuditBatch:
    """What is to be written, and counted, next.

    Attributes:
        messages: by the audit's id, no two of one.
        skipped: audits of which none is made.
        characters: of what the messages say.
    """

    messages: dict[str, AuditMessage] = field(default_factory=dict)
    skipped: list[SkippedAudit] = field(default_factory=list)
    characters: int = 0

    @property
    def is_full(self) -> bool:
        """Whether it is as much as is written at a time."""
        return (
            len(self.messages) >= BATCH_MESSAGES
            or self.characters >= BATCH_CHARACTERS
            or len(self.skipped) >= BATCH_SKIPPED
        )

    def add(self, told: AuditMessage) -> AuditMessage:
        """Add a message, unless there is one of its audit; return the one there is."""
        first = self.messages.setdefault(told.audit.id, told)
        if first is told:
            self.characters += len(told.content)
        return first

    def skip(self, audit: Audit, why: SkipReason, told: AuditMessage | None = None) -> None:
        """Add an audit of which no message is made, though it may tell of one."""
        self.skipped.append(SkippedAudit(audit.id, audit.actor, why, None if told is None else told.digest))

    def changed(self, taken: Mapping[str, bytes]) -> set[str]:
        """Return the skipped audits that are not what was taken of them.

        Args:
            taken: the digests of those that were taken before; those of this batch are known.
        """
        return {
            each.id
            for each in self.skipped
            if (was := taken.get(each.id) or self._digest(each.id)) is not None and was != each.digest
        }

    def _digest(self, audit: str) -> bytes | None:
        message = self.messages.get(audit)
        return None if message is None else message.digest
