"""Twitch: lines of its chat over IRC (`twitch_irc`), and envelopes of EventSub (`twitch_eventsub`).

Both tell of the same messages with the same ids, and each with a time of its own: a message that comes both
ways, or again, is one row with the first time seen (`has_steady_times` is false). Nothing is ever edited.
"""

from models.decoding import decode_object
from models.errors import BadRecord, Reason
from models.messages import Extraction
from models.platforms import twitch_eventsub, twitch_irc
from models.platforms.twitch_eventsub import extract_envelope, room_of_envelope
from models.platforms.twitch_irc import extract_irc, room_of

KINDS = twitch_irc.KINDS | twitch_eventsub.KINDS


def extract(raw: bytes | None) -> Extraction:
    """Return what a line or an envelope comes to.

    Raises:
        BadRecord: it is neither, or what was said or done in it lacks an id, a room or a time.
    """
    if not raw:
        raise BadRecord(Reason.EMPTY, "the record has no value")
    return extract_envelope(decode_object(raw)) if _is_envelope(raw) else extract_irc(raw)


def key_of(raw: bytes) -> str | None:
    """Return the room: its id, or of a line that does not tell it, its login.

    A deletion by IRC may lack the id. Whoever captures lines knows it, by the room's ROOMSTATE, and keys by
    it, so that a deletion comes after its message.
    """
    try:
        return room_of_envelope(decode_object(raw)) if _is_envelope(raw) else room_of(raw)
    except BadRecord:
        return None


def _is_envelope(raw: bytes) -> bool:
    return raw.lstrip()[:1] == b"{"  # which no line of IRC begins with; without blanks, nothing is copied
