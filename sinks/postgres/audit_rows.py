"""What audits tell, as the rows that are written of it; and what came of writing them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from models.messages import MessageRole
from sinks.postgres.message_rows import MessageRow

if TYPE_CHECKING:
    from typing import Any

    from models.audits import AuditLead, AuditMessage

_encode = msgspec.json.encode


class AuditTalk(msgspec.Struct, frozen=True, gc=False):
    """The one conversation with a lead.

    Attributes:
        id: its id.
        channel: where it is.
        subject_id: whom it is with.
    """

    id: str
    channel: str
    subject_id: str


@dataclass(slots=True)
class AuditsWritten:
    """What came of a batch.

    Attributes:
        made: ids of audits of which messages were made now.
        there: how many there were of already.
        changed: ids of audits that were taken before, and are not what they were then.
        opted_out: ids of audits of what somebody said who is not recorded, by whom the conversation is with.
        new_talks: conversations that were made, by lead.
        old_talks: those that were there, of leads that the caller had not met.
    """

    made: list[str] = field(default_factory=list)
    there: int = 0
    changed: list[str] = field(default_factory=list)
    opted_out: list[str] = field(default_factory=list)
    new_talks: dict[str, AuditTalk] = field(default_factory=dict)
    old_talks: dict[str, AuditTalk] = field(default_factory=dict)


def talk_of(lead: AuditLead) -> AuditTalk:
    """Return the conversation with a lead that has none yet."""
    return AuditTalk(lead.conversation_id, lead.place, lead.subject_id)


def row_of(message: AuditMessage, identifier: str, talk: AuditTalk) -> MessageRow:
    """Return the row of a message.

    Args:
        message: which.
        identifier: its id.
        talk: in which conversation it is.
    """
    return MessageRow(
        identifier,
        message.audit.at_ms,
        talk.id,
        talk.channel,
        message.role,
        talk.subject_id if message.role == MessageRole.USER else None,
        message.content,
        metadata=msgspec.Raw(_encode(message.metadata)),
    )


def record_of(message: AuditMessage, identifier: str) -> dict[str, Any]:
    """Return what is kept of the audit of a message with this id."""
    audit = message.audit
    return {
        "id": audit.id,
        "lead_id": message.lead_id,
        "actor": audit.actor,
        "action": audit.action,
        "message_id": identifier,
        "digest": message.digest.hex(),
    }
