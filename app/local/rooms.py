"""What comes of the samples of platforms beside Messenger: how told, and whether it is as it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from app.local.arrival import RoomMessage
    from samples.rooms import ExpectedMessage, Room

#: How many missing or wrong messages of a room are listed.
_LISTED = 5
_BY_PEOPLE = {"user": "green"}
_BY_OTHERS = "cyan"
#: Whose author is the person that they answer.
_WITHOUT_NAMES = {"assistant", "system", "tool"}


def room_lines(room: Room, messages: Sequence[RoomMessage], note: str) -> Text:
    """Return what was said in a room, message by message, with time, who spoke, and what became of it."""
    lines = [Text(), Text.assemble(("── ", "dim"), (room.title, "bold cyan"), (f" · {note}", "dim"))]
    day = None
    for message in messages:
        if message.timestamp.date() != day:
            day = message.timestamp.date()
            lines.append(Text(f"{day} (UTC)", "dim"))
        colour = _BY_PEOPLE.get(message.role, _BY_OTHERS)
        speaker = None if message.role in _WITHOUT_NAMES else message.author_name or message.author_id
        said = message.content or f"({message.message_type or 'no text'})"
        margin = f"{message.timestamp:%H:%M}  "
        lines.append(
            Text.assemble(
                (margin, "dim"),
                (f"{speaker or message.role}: ", colour),
                (said.replace("\n", "\n" + " " * len(margin)), "strike" if message.deleted else ""),
                (_became(message), "dim"),
            )
        )
    return Text("\n").join(lines)


def differences(room: Room, messages: Sequence[RoomMessage]) -> list[str]:
    """Return how what is there differs from what must be."""
    there = {str(message.id): message for message in messages}
    wrong = [
        f"{expected.source_id} {what}"
        for expected, id_ in zip(room.expected, room.ids, strict=True)
        if (what := _difference(expected, there.get(id_)))
    ]
    if not wrong:
        return []
    more = f" and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
    return [f"{room.title}: {len(wrong)} of {len(room.expected)}: {', '.join(wrong[:_LISTED])}{more}"]


def _became(message: RoomMessage) -> str:
    became = [
        *(["edited"] if message.edited else []),
        *(["deleted"] if message.deleted else []),
        *([f"after {message.response_ms / 1000:.1f} s"] if message.response_ms else []),
    ]
    return f"  ({', '.join(became)})" if became else ""


def _difference(expected: ExpectedMessage, message: RoomMessage | None) -> str | None:
    if message is None:
        return "is missing"
    names = ("channel", "author_id", "role", "content", "message_type", "response_ms")
    wrong = [name for name in names if getattr(message, name) != getattr(expected, name)]
    if _ms(message.edited) != expected.edited:
        wrong.append("edited")
    is_as_told = isinstance(expected.deleted, bool) or _ms(message.deleted) == expected.deleted
    if not is_as_told or bool(message.deleted) != bool(expected.deleted):
        wrong.append("deleted")
    return f"has another {wrong[0]}" if wrong else None


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
