"""Assistants: logged turns to what a person said and what was answered.

A record is in one of the formats below, told by the fields it has; docs/assistant.md says how to log in them.
Of each, the session (a conversation, a chat) is the channel and the conversation alike. The author of an
answer is the person it was for, as of their question; `role` says who spoke. An app's name is in `metadata`.

What holds for all of them:

- Visible is what the person wrote, if it is the newest thing that was said to the assistant, and the text or
  refusal that it answered. Instructions, tools, reasoning are not. An empty answer is no message.
- Of parts that are no text (a picture, a file) `metadata.parts` has the names. Base64 is kept nowhere: in its
  place is what it was of, and how many bytes (`models.platforms.assistant.base64_parts`).
- An answer comes after its question by 1 ms at least, so that no two rows of a turn tie.
- The event as it came is with the first message of a record only: it would be the same in both.
- A message that is logged again under the same id with another text (Langfuse, LibreChat, open-webui) is told
  by an `Edit` that fills in, with the time at which it was logged: whatever the order, the latest holds.
"""

from collections.abc import Callable
from typing import NamedTuple

from models import JSON
from models.decoding import decode_object
from models.errors import BadRecord, Reason
from models.messages import UNKNOWN, Extraction, Found
from models.platforms.assistant import langfuse, librechat, litellm, open_webui, openai, turns
from models.platforms.assistant.base64_parts import without_base64
from models.values import object_in

_Object = dict[str, JSON]


class LogFormat(NamedTuple):
    """A form in which turns are logged.

    Attributes:
        kind: how counters call it.
        matches: whether a record is in it.
        session_of: what such a record belongs to; None where it does not tell.
        read: such a record to what it comes to; raises `BadRecord`.
        unknown_in: what is unknown in a record that holds several things.
    """

    kind: str
    matches: Callable[[_Object], bool]
    session_of: Callable[[_Object], str | None]
    read: Callable[[_Object], list[Found]]
    unknown_in: Callable[[_Object], str | None] = lambda _: None


#: The first that matches is it.
_FORMATS = (
    LogFormat("turn", turns.is_turn, turns.session_of, turns.read_turn),
    LogFormat("feedback", turns.is_feedback, turns.session_of, turns.read_feedback),
    LogFormat("session", turns.is_session, turns.session_of, turns.read_session),
    LogFormat("openai", openai.matches, openai.session_of, openai.read),
    LogFormat("litellm", litellm.matches, litellm.session_of, litellm.read),
    LogFormat("langfuse", langfuse.matches, langfuse.session_of, langfuse.read, langfuse.unknown_in),
    LogFormat("librechat", librechat.matches, librechat.session_of, librechat.read),
    LogFormat("open_webui", open_webui.matches, open_webui.session_of, open_webui.read),
    LogFormat(
        "open_webui_feedback",
        open_webui.is_feedback,
        open_webui.session_of_feedback,
        open_webui.read_feedback,
    ),
)
KINDS = frozenset(log_format.kind for log_format in _FORMATS)


def extract(raw: bytes | None) -> Extraction:
    """Return what a logged record comes to.

    Raises:
        BadRecord: it is in none of the formats, or lacks an id, a session, a time.
    """
    event = object_in(without_base64(decode_object(raw)))
    log_format = _format_of(event)
    if log_format is None:
        raise BadRecord(
            Reason.NOT_AN_EVENT, "in none of the formats in which an assistant's turns are logged"
        )
    found = log_format.read(event)
    unknown = log_format.unknown_in(event)
    return Extraction(log_format.kind if unknown is None else UNKNOWN, found, unknown)


def key_of(raw: bytes) -> str | None:
    """Return the session; of a batch, that of its first event. None where none is told."""
    try:
        event = decode_object(raw)
    except BadRecord:
        return None
    log_format = _format_of(event)
    return None if log_format is None else log_format.session_of(event)


def _format_of(event: _Object) -> LogFormat | None:
    return next((log_format for log_format in _FORMATS if log_format.matches(event)), None)
