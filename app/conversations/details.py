"""What was known when a message was said, as the pane beside a thread lists it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.conversations import moments
from app.conversations.naming import ROLES, platform_name
from app.conversations.views import metadata_of
from app.web import words
from models.threads import CONTENT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from app.conversations.known import MessageVersion
    from app.conversations.rows import SaidMessage
    from models import JSON

#: Of metadata, what has a better name than its own.
_NAMED = {
    "form": "Form",
    "mood": "Mood",
    "model": "Model",
    "state": "State of the bot",
    "current_state": "State of the bot",
    "display_name": "Shown as",
    "system_message": "Said beside it",
    CONTENT_KEY: "As it was given",
}
_STEPS = {"first": "First said", "fill": "Filled in", "edit": "Edited", "deletion": "Deleted"}
#: What the thread shows already.
_SHOWN = frozenset({"attachments", "stickers"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was known.

    Attributes:
        label: what.
        value: as text.
        is_code: whether it is JSON or an id, to be shown as such.
        said: whether people wrote it, in whatever script.
    """

    label: str
    value: str
    is_code: bool = False
    said: bool = False


@dataclass(frozen=True, slots=True)
class FactsOfMessage:
    """A group of them.

    Attributes:
        title: of the group.
        facts: never none.
    """

    title: str
    facts: Sequence[Fact]


def details_of(message: SaidMessage, zone: ZoneInfo) -> list[FactsOfMessage]:
    """Return what is known of a message, in groups; of those without anything, none."""
    groups = (
        FactsOfMessage("When and who", tuple(_said(message, zone))),
        FactsOfMessage("Where", tuple(_place(message))),
        FactsOfMessage("Survey", tuple(_survey(message))),
        FactsOfMessage("Figures", tuple(_figures(message))),
        FactsOfMessage("What was known", tuple(_metadata(message))),
    )
    return [group for group in groups if group.facts]


@dataclass(frozen=True, slots=True)
class ShownVersion:
    """What became of a message, once.

    Attributes:
        what: in a word.
        at: when.
        exact: the same, in words.
        by: who did it, where the platform tells.
        reason: why, where it tells.
        content: the text since then; None where none is shown.
    """

    what: str
    at: datetime
    exact: str
    by: str
    reason: str
    content: str | None


def history_of(versions: Sequence[MessageVersion], zone: ZoneInfo) -> list[ShownVersion]:
    """Return what became of a message, the latest first."""
    return [
        ShownVersion(
            _STEPS.get(version.kind, version.kind),
            version.changed,
            moments.exactly(version.changed, zone),
            version.changed_by or "",
            version.reason or "",
            version.content,
        )
        for version in reversed(versions)
    ]


def _said(message: SaidMessage, zone: ZoneInfo) -> Iterator[Fact]:
    yield Fact("Said", moments.exactly(message.timestamp, zone))
    if zone.key != "UTC":
        yield Fact("In UTC", words.machine_readable(message.timestamp))
    yield Fact("Role", ROLES.get(message.role, message.role))
    if message.author_name:
        yield Fact("Name", message.author_name, said=True)
    if message.author:
        yield Fact("Person", message.author, is_code=True)
    elif message.person:
        yield Fact("Said to", message.person, is_code=True)
    for label, moment in (("Edited", message.edited), ("Deleted", message.deleted)):
        if moment is not None:
            yield Fact(label, _and_what(moment, zone, message.deletion if label == "Deleted" else None))


def _and_what(moment: datetime, zone: ZoneInfo, deletion: str | None) -> str:
    said = moments.exactly(moment, zone)
    return f"{said}; the channel's rule: {deletion}" if deletion else said


def _place(message: SaidMessage) -> Iterator[Fact]:
    yield Fact("Platform", platform_name(message.platform))
    if message.channel:
        yield Fact("Channel", message.channel, is_code=True)
    if message.message_type:
        yield Fact("Type", message.message_type, is_code=True)
    yield Fact("Message", str(message.id), is_code=True)


def _survey(message: SaidMessage) -> Iterator[Fact]:
    if message.survey:
        yield Fact("Survey", message.survey, said=True)
    if message.survey_owner:
        yield Fact("Owner", message.survey_owner)
    if message.shortcode:
        yield Fact("Form", message.shortcode, is_code=True)
    if message.question:
        yield Fact("Question", message.question, is_code=True)


def _figures(message: SaidMessage) -> Iterator[Fact]:
    if message.response_ms is not None:
        yield Fact("Answered after", words.duration(message.response_ms / 1000))
    if message.weight != 1:
        yield Fact("Stands for", f"{words.number(message.weight)} messages, as the channel is sampled")


def _metadata(message: SaidMessage) -> Iterator[Fact]:
    for key, value in metadata_of(message).items():
        if key in _SHOWN or value is None:
            continue
        yield Fact(_NAMED.get(key, key), _text(value), is_code=isinstance(value, dict | list), said=True)


def _text(value: JSON) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2)
