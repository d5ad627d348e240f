"""What `access_log` says of a reading: whose messages, or by what they were looked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.reading.filters import query_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.conversations.rows import ConversationRow, SaidMessage
    from models.reading import MessageFilter


def subject_of_list(wanted: MessageFilter, shown: Sequence[ConversationRow]) -> dict[str, Any]:
    """Return what was looked for, and of which conversations the last message was shown."""
    return {**query_of(wanted), "conversations": [str(row.id) for row in shown]}


def subject_of(row: ConversationRow) -> dict[str, Any]:
    """Return which conversation was read, and with whom it is."""
    return {
        "platform": row.platform,
        "channel": row.channel,
        "conversation": str(row.id),
        **({"person": row.person} if row.person is not None else {}),
    }


def subject_of_message(said: SaidMessage) -> dict[str, Any]:
    """Return which message was read, and of whom it tells."""
    return {
        "platform": said.platform,
        "channel": said.channel or "",
        "conversation": str(said.conversation),
        "message": str(said.id),
        **({"person": said.person} if said.person is not None else {}),
        **({"survey": said.survey} if said.survey is not None else {}),
    }
