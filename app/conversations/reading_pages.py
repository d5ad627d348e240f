"""What the pages of conversations show of what the service reads: the list, and a part of a thread."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from app.conversations import links, moments
from app.conversations.naming import PLATFORMS, ROLES
from app.conversations.views import bubbles_of, talk_of
from app.conversations.where import Where, cursor_of
from app.conversations.writing import may_begin_threads, writer_of
from app.reading.filters import query_of
from app.web import addresses
from app.web.service import features_of
from app.web.zones import zone_of
from models.access import THREADS, Action, Reach, may, may_at_all, thread_thing, widest_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from fastapi import Request

    from app.conversations.rows import ConversationRow, SaidMessage, Thread
    from app.conversations.views import Why
    from models.access import Caller
    from models.reading import MessageFilter


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page, and when.

    Attributes:
        caller: who.
        zone: in which they see times.
        today: the day it is there.
        has_privacy: whether learners' data can be asked for here.
    """

    caller: Caller
    zone: ZoneInfo
    today: date
    has_privacy: bool

    @classmethod
    def of(cls, request: Request, caller: Caller) -> Reader:
        """Return who looks at a page now."""
        zone = zone_of(request)
        return cls(caller, zone, datetime.now(zone).date(), features_of(request)["privacy"])


def list_of(
    reader: Reader, wanted: MessageFilter, rows: Sequence[ConversationRow], *, has_more: bool
) -> dict[str, Any]:
    """Return what the list shows, one part of it.

    Args:
        reader: who looks.
        wanted: what the list is of.
        rows: this part of it.
        has_more: whether it goes on after these.
    """
    asked = query_of(wanted)
    following = asked | ({"cursor": cursor_of(rows[-1].place)} if has_more else {})
    return {
        "talks": [talk_of(row, _url(reader, wanted, row), reader.zone, reader.today) for row in rows],
        "query": links.with_query("", asked),
        "more": links.with_query(addresses.CONVERSATIONS, following) if has_more else "",
        "more_part": links.with_query(f"{addresses.CONVERSATIONS}/list", following) if has_more else "",
    }


def thread_of(
    reader: Reader,
    part: Thread,
    why: Mapping[UUID, Why],
    asked: dict[str, str],
    where: Where,
    replied_to: SaidMessage | None = None,
    *,
    looked_since: datetime | None = None,
) -> dict[str, Any]:
    """Return what a thread shows, with its head.

    Args:
        reader: who looks.
        part: what of it is shown first.
        why: as of `part_of`.
        asked: the query of the list beside it.
        where: at which place it was asked for.
        replied_to: which message the reader replies to, if any.
        looked_since: as of `part_of`.
    """
    row = part.conversation
    here, programs = links.conversation(row.id), f"/v1{links.conversation(row.id)}"
    shown = part_of(reader, part, why, looked_since=looked_since)
    may_see_person = row.person is not None and may_at_all(reader.caller, Action.SEE_PERSON)
    return {
        "thread": shown
        | {
            "talk": talk_of(row, here, reader.zone, reader.today),
            "date": where.day.isoformat() if where.day else "",
            "highlight": where.message or "",
            "is_at_end": where == Where(),
            "person_url": links.person(row.platform, row.person or "") if may_see_person else "",
            "earlier_url": links.with_query(here, asked | {"before": shown["earlier"]}),
            "later_url": links.with_query(here, asked | {"after": shown["later"]}),
            "events_url": f"{programs}/events",
            "text_url": links.with_query(f"{programs}/transcript", {"tz": reader.zone.key}),
            "json_url": links.with_query(f"{programs}/transcript", {"format": "json"}),
            "export_url": _export_url(reader, row),
            "writer": writer_of(reader.caller, row),
            "privacy_url": _privacy_url(reader, row) if reader.has_privacy else "",
            "replied_to": replied_to if replied_to and replied_to.conversation == row.id else None,
            "once": secrets.token_hex(16),
        },
        "query": links.with_query("", asked),
        "fields": list(asked.items()),
    }


def bar_of(reader: Reader, wanted: MessageFilter) -> dict[str, Any]:
    """Return what the bar of filters shows."""
    more = links.set_under_more(wanted)
    return {
        "wanted": wanted,
        "platforms": PLATFORMS,
        "roles": ROLES,
        "since": links.day_value(wanted.since, reader.zone),
        "until": links.day_value(wanted.until, reader.zone),
        "more_set": more,
        "chips": links.chips_of(wanted, reader.zone),
        "days": links.days_of(wanted, reader.zone, reader.today),
        "may_see_channels": may_at_all(reader.caller, Action.SEE_CHANNELS),
        "may_begin_threads": may_begin_threads(reader.caller),
        "has_threads_alone": widest_reach(reader.caller, Action.READ_MESSAGES) is Reach.NAMED,
    }


def _export_url(reader: Reader, row: ConversationRow) -> str:
    """Return where an export of all that they may read there is asked for; empty for who may not."""
    if not may_at_all(reader.caller, Action.EXPORT_MESSAGES):
        return ""
    return addresses.new_export(what="messages", conversation=str(row.id))


def _privacy_url(reader: Reader, row: ConversationRow) -> str:
    """Return where what was asked for of a thread's learner is seen; empty for who may not."""
    if row.platform != THREADS or row.person is None:
        return ""
    thing = thread_thing(row.channel, row.person)
    return addresses.privacy(row.person) if may(reader.caller, Action.EXPORT_LEARNER, thing) else ""


def _url(reader: Reader, wanted: MessageFilter, row: ConversationRow) -> str:
    """Return where a conversation is opened: on the day of what was looked for, if not whole ones were."""
    asked = query_of(wanted)
    is_of_messages = asked.keys() & {"question", "type", "role", "since", "until"}
    day = {"date": links.day_value(row.matched, reader.zone)} if is_of_messages else {}
    return links.conversation(row.id, asked | day)


def part_of(
    reader: Reader, thread: Thread, why: Mapping[UUID, Why], *, looked_since: datetime | None = None
) -> dict[str, Any]:
    """Return what a part of a thread shows, and the places around it.

    Args:
        reader: who looks.
        thread: the part.
        why: of messages that repeat a question, by their ids.
        looked_since: from when on these were looked for, where there was too much.
    """
    return {
        "bubbles": bubbles_of(
            thread.messages,
            kind=thread.conversation.kind,
            zone=reader.zone,
            today=reader.today,
            why=why,
            writer=writer_of(reader.caller, thread.conversation),
        ),
        "earlier": cursor_of(thread.before) if thread.before else "",
        "later": cursor_of(thread.after) if thread.after else "",
        "end": cursor_of(thread.messages[-1].place) if thread.messages else "",
        "looked_since": moments.to_the_minute(looked_since, reader.zone) if looked_since else "",
    }
