"""What can be said of an event on any platform: its category, and whose moment it is.

How an event is recognised is each platform's own matter (`models.platforms`).
"""

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from models import JSON

#: One raw record of a platform, as parsed.
Event: TypeAlias = dict[str, JSON]


class Category(StrEnum):
    """What kind of event it is. Only the first four become entries; the rest are counted."""

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
    #: None of the above: a kind that this version doesn't know.
    OTHER = "other"


class Moment(NamedTuple):
    """Whose state a visible message needs, and as of when (ms since 1970, UTC)."""

    userid: str
    timestamp: int
