"""Where audits and leads come from: what a source offers, and what both kinds of sources share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from models.audits import Audit, AuditLead

#: Rows that are read and looked at before anything else has its turn: some milliseconds. And about how many
#: bytes of them, so that few large ones are no more.
CHUNK_ROWS, CHUNK_BYTES = 250, 1024 * 1024


class SourceUnreadable(ChatlogError):
    """The source cannot be read, or not to its end; the message says why. What was taken before stays."""

    must_act = MustAct.OPERATOR


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no audit, or no lead.

    Attributes:
        where: it is: a file and a line, or a table and an id.
        why: it is none, without what it says.
    """

    where: str
    why: str

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.where}: {self.why}"


@dataclass(frozen=True, slots=True)
class WantedAudits:
    """Which audits are wanted.

    Attributes:
        lead: those of this lead alone.
        since_ms: those from this time on, in ms since 1970.
    """

    lead: str | None = None
    since_ms: int | None = None


class AuditSource(Protocol):
    """Audits and their leads, of an application that has them, read and never changed.

    Attributes:
        name: of the source, for people: without secrets.
    """

    name: str

    def leads(self) -> AsyncIterator[Sequence[AuditLead | BadRow]]:
        """Yield the leads, some at a time."""

    def audits(self) -> AsyncIterator[Sequence[Audit | BadRow]]:
        """Yield the audits, some at a time, in any order."""
