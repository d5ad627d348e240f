"""Lines of a run for whoever wants each of them (`--verbose`): never what somebody said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.audits import SkipReason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.backfill.audit_sources import BadRow
    from models.audits import AuditMessage
    from sinks.postgres.audit_rows import AuditsWritten


class AuditLines:
    """Tells a line of each.

    Args:
        say: told the lines; None where nobody asks.
    """

    def __init__(self, say: Callable[[str], None] | None) -> None:
        self._say = say

    def error(self, row: BadRow) -> None:
        """Tell of a row that could not be taken."""
        self._tell("error", str(row))

    def skipped(self, audit: str, why: SkipReason) -> None:
        """Tell of an audit of which no message is made."""
        self._tell("skipped", f"audit {audit}: {why}")

    def changed(self, audit: str) -> None:
        """Tell of an audit that is not what was taken of it."""
        self._tell("changed", f"audit {audit}: its message stays as it is")

    def written(self, written: AuditsWritten, messages: Mapping[str, AuditMessage]) -> None:
        """Tell what came of messages.

        Args:
            written: what came of them.
            messages: these, by the audit's id.
        """
        if self._say is None:
            return
        for lead in written.new_talks:
            self._tell("conversation", f"with lead {lead}")
        for audit in written.made:
            message = messages[audit]
            self._tell("message", f"of audit {audit} ({message.role}, {len(message.content):,} characters)")
        for audit in written.changed:
            self.changed(audit)
        for audit in written.opted_out:
            self.skipped(audit, SkipReason.OPTED_OUT)

    def _tell(self, what: str, of: str) -> None:
        if self._say is not None:
            self._say(f"{what:<13} {of}")
