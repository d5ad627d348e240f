"""Audits of what was done with leads, and the messages that they tell of. Pure.

An audit is a line of another application's log: of which lead, who acted, how, when, and a payload of any
shape. `message_of` makes of it what was said, or tells why nothing was. How
they are read out of rows is the matter of `models.audit_rows`.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import TypeAlias, cast

import msgspec

from models import JSON
from models.decoding import decode_value
from models.errors import BadRecord, Reason
from models.ids import conversation_key, message_id
from models.messages import MessageRole
from models.text import clean_json, clean_text

#: Where leads' histories are.
PLATFORM = "crm"
#: Of a lead that names no channel.
NO_CHANNEL = "unknown"
#: As the document has it: by this, what was made of audits is told from what was captured.
SOURCE = "audit_backfill"
CREATED_BY = "chatlog backfill audits"
#: Characters of a payload that has no text of its own.
PAYLOAD_MAX = 1_000

ROLE_OF_ACTOR: Mapping[str, MessageRole] = MappingProxyType(
    {
        "customer": MessageRole.USER,
        "user": MessageRole.USER,
        "agent": MessageRole.ASSISTANT,
        "assistant": MessageRole.ASSISTANT,
        "system": MessageRole.SYSTEM,
        "tool": MessageRole.TOOL,
    }
)
#: Where a payload's text is, the first that is one. A body is one of messages alone: a request has one, too.
_TEXTS, _BODY = ("text", "message", "content"), "body"
_NULL = "null"
_OF_MESSAGES = frozenset({"message_sent", "message_received"})


class SkipReason(StrEnum):
    """Why no message is made of an audit; the words are for people."""

    NO_LEAD = "no lead is named"
    ORPHAN = "the lead is not there"
    UNKNOWN_ACTOR = "the actor is not known"
    NO_TEXT = "no text"
    OPTED_OUT = "opted out of being recorded"


class Audit(msgspec.Struct, frozen=True, gc=False):
    """What an audit tells.

    Attributes:
        id: the application's own of it.
        lead_id: of whom; None for nobody.
        actor: who acted.
        action: what was done.
        at_ms: when, in ms since 1970, UTC.
        payload: what else is told: JSON, or text that may be JSON.
    """

    id: str
    lead_id: str | None
    actor: str
    action: str | None
    at_ms: int
    payload: JSON


class AuditLead(msgspec.Struct, frozen=True, gc=False):
    """Whom audits are of.

    Attributes:
        id: the application's own of it.
        customer_id: the customer that it became.
        channel: by which they talk.
        messenger_psid: Messenger's id of them.
        phone: their number.
        stage: how far it is.
        created_ms: since when there is the lead, in ms since 1970.
    """

    id: str
    customer_id: str | None = None
    channel: str | None = None
    messenger_psid: str | None = None
    phone: str | None = None
    stage: str | None = None
    created_ms: int | None = None

    @property
    def external_id(self) -> str | None:
        """What another system calls the person, if it has a name for them."""
        return self.messenger_psid or self.phone

    @property
    def subject_id(self) -> str:
        """Whom the conversation is with."""
        return self.external_id or self.id

    @property
    def place(self) -> str:
        """The channel of the conversation."""
        return self.channel or NO_CHANNEL

    @property
    def conversation_id(self) -> str:
        """The conversation that is made of it, if it has none yet."""
        return conversation_key(PLATFORM, self.place, self.id)

    def metadata(self, told_at: str) -> dict[str, JSON]:
        """Return what is kept of it with its conversation.

        Args:
            told_at: when it was taken, in ISO 8601.
        """
        return {
            "source": SOURCE,
            "leadStage": self.stage,
            "createdBy": CREATED_BY,
            "createdAt": told_at,
            "leadId": self.id,
            "customerId": self.customer_id,
            "externalId": self.external_id,
        }


class AuditMessage(msgspec.Struct, frozen=True, gc=False):
    """What was said, as an audit tells.

    Attributes:
        audit: which, without its payload.
        lead_id: with whom.
        role: who spoke.
        content: what.
    """

    audit: Audit
    lead_id: str
    role: str
    content: str

    @property
    def id(self) -> str:
        """The id of its row."""
        return message_id(PLATFORM, self.audit.id, self.audit.at_ms)

    @property
    def digest(self) -> bytes:
        """Return what changes if anything that is taken does."""
        audit = self.audit
        parts = (self.lead_id, str(audit.at_ms), audit.actor, audit.action or "", self.content)
        return sha256("\0".join(parts).encode()).digest()[:16]

    @property
    def metadata(self) -> dict[str, JSON]:
        """What is kept of the audit with its message, as the document has it."""
        return {
            "auditId": self.audit.id,
            "auditAction": self.audit.action,
            "auditActor": self.audit.actor,
            "source": SOURCE,
            "createdBy": CREATED_BY,
        }


#: What an audit comes to.
Told: TypeAlias = AuditMessage | SkipReason


def message_of(audit: Audit) -> Told:
    """Return the message that an audit tells of, or why there is none.

    Whether there is its lead is not asked.

    Raises:
        BadRecord: its payload cannot be written again.
    """
    if not audit.lead_id:
        return SkipReason.NO_LEAD
    role = ROLE_OF_ACTOR.get(audit.actor)
    if role is None:
        return SkipReason.UNKNOWN_ACTOR
    try:
        content = text_of(audit.payload, audit.action)
    except (ValueError, OverflowError, RecursionError):
        raise BadRecord(Reason.UNKNOWN_VALUE, "payload: a number that is too large, or too deep") from None
    if content is None:
        return SkipReason.NO_TEXT
    # Many wait to be written, and a payload may be megabytes of which little is said.
    return AuditMessage(msgspec.structs.replace(audit, payload=None), audit.lead_id, role.value, content)


def text_of(payload: JSON, action: str | None) -> str | None:
    """Return what a payload says, clean; None if that is nothing.

    A text of its own, as it is; else all of it, as compact JSON that is cut; null is nothing. A payload that
    is text may hold JSON, and is what that says: a column has it so, or a file of JSON that quotes it.

    Args:
        payload: of an audit.
        action: the audit's.

    Raises:
        ValueError, RecursionError: there is a number, or a depth, that cannot be written again.
    """
    if isinstance(payload, str):
        payload = _held_by(payload)
        if isinstance(payload, str):
            return clean_text(payload) if _is_said(payload) else None
    if payload is None or payload in ({}, []):
        return None
    if isinstance(payload, dict):
        for name in _TEXTS:
            if _is_said(text := payload.get(name)):
                return clean_text(cast("str", text))
        if action in _OF_MESSAGES and _is_said(text := payload.get(_BODY)):
            return clean_text(cast("str", text))
    # In one order, or the same payload from a table and from a file would be two texts.
    whole = msgspec.json.encode(clean_json(payload), order="sorted").decode()
    return whole[:PAYLOAD_MAX]


def _is_said(value: JSON) -> bool:
    return isinstance(value, str) and bool(value) and not value.isspace()


def _held_by(text: str) -> JSON:
    """Return what a text holds as JSON, however often it is quoted: an object, a list, a text, or null.

    Any other text is what it says: numbers, too, and true and false.
    """
    while True:
        bare = text.strip()
        if bare == _NULL:
            return None
        if not bare.startswith(("{", "[", '"')):
            return text
        try:
            held = decode_value(bare.encode())
        except (BadRecord, UnicodeEncodeError):
            return text
        if not isinstance(held, str):
            return held
        text = held
