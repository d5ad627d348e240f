"""What Meta's webhook sends for a page: an envelope of events, which are taken out of it. Pure."""

from __future__ import annotations

import json
from typing import NamedTuple

from app.ingest.raw_json import items_of, members_of

#: Where the events of an entry are: what was said to the page, and what another app of the page answers for.
_EVENTS = ("messaging", "standby")
#: What a page has beside conversations: posts, comments, likes.
CHANGES = "changes"
#: An entry with none of these.
OTHER = "other"
#: What envelopes are of.
PAGE = "page"


class MetaEnvelope(NamedTuple):
    """An envelope, taken apart.

    Attributes:
        of: what it is about: `page`, `instagram` …; None where it does not say.
        events: each as it was written, in order.
        ignored: what else is in it, by its kind, once for each.
    """

    of: str | None
    events: list[bytes]
    ignored: list[str]


def opened(body: bytes) -> MetaEnvelope | None:
    """Take an envelope apart; None if it is none."""
    try:
        members = members_of(body.decode())
    except UnicodeDecodeError:
        return None
    entries = None if members is None else items_of(members.get("entry", ""))
    if members is None or entries is None:
        return None
    events: list[bytes] = []
    ignored: list[str] = []
    for entry in entries:
        lists = members_of(entry) or {}
        found = [items_of(lists[name]) for name in _EVENTS if name in lists]
        events += [event.encode() for some in found for event in some or ()]
        changes = items_of(lists.get(CHANGES, ""))
        ignored += [CHANGES for _ in changes or ()]
        if None in found or not (found or changes):
            ignored.append(OTHER)
    return MetaEnvelope(_text_in(members.get("object", "null")), events, ignored)


def _text_in(written: str) -> str | None:
    value = json.loads(written)
    return value if type(value) is str else None
