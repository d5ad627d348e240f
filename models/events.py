"""What can be said of an event on any platform: its category, and whose moment it is.

How an event is recognised is each platform's own matter (`models.platforms`).
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from models import JSON

#: One raw record of a platform, as parsed.
Event: TypeAlias = dict[str, JSON]


class Category(StrEnum):
    """What kind of event it is. The first four become entries; others where that is asked for. All count."""

    ECHO = "echo"
    POSTBACK = "postback"
    QUICK_REPLY = "quick_reply"
    TEXT = "text"
    REFERRAL = "referral"
    OPTIN = "optin"
    SYNTHETIC = "synthetic"
    HANDOVER = "handover"
    WATERMARK = "watermark"
    MEDIA = "media"
    REACTION = "reaction"
    EDIT = "edit"
    UNSENT = "unsent"
    #: Several events in one, as the platform delivers them. Nobody took them apart, so it is a bad record.
    ENVELOPE = "envelope"
    #: None of the above: a kind that this version doesn't know.
    OTHER = "other"


class Moment(NamedTuple):
    """Whose state a visible message needs, and as of when (ms since 1970, UTC)."""

    userid: str
    timestamp: int
