"""Facebook Messenger: its events, as the webhook passes them on, to chat log entries.

`categorise` says what an event is, `_bot_entry` and `_user_entry` what becomes of a visible one. Truth is the
platform's, which speaks JavaScript: an object is true even when empty; `false`, `0`, `''` and `null` are not.

Three strings may hold JSON: a postback's payload, a quick reply's payload, and a message's metadata. They are
read where a rule asks for what is in them and nowhere else. What a person typed is never read as JSON.

By default an entry is what a bot takes for a message: text, quick replies, postbacks, echoes. With `media`
it is whatever people see: pictures, reactions, what was edited or unsent, the button of an ad
(`models.platforms.messenger_media`). The option is given, not read from anywhere.

Only what a row cannot do without makes a `BadRecord`: the person's id, the timestamp, and text that is text.
(A number where the text should be comes from a broken producer, and guessing what was said is worse than
keeping the record for a person to see.) Anything else that cannot be used, a shortcode too long for its index
included, is null in the row, and still to be seen in `raw_payload` or `metadata`.
"""

from msgspec.structs import replace

from models import JSON
from models.decoding import decode_object
from models.entries import ChatLogEntry, Direction
from models.errors import BadRecord, Reason
from models.events import Category, Event, Moment
from models.fields import (
    fits_index,
    optional_text,
    optional_uuid,
    required_id,
    required_moment_ms,
)
from models.messages import Extraction
from models.platforms.messenger_media import media_content, media_type, words_of_attachments
from models.states import State
from models.values import NOTHING, id_or_none, is_true, object_in, text_or_none

_Object = dict[str, JSON]

KINDS = frozenset(Category) - {Category.OTHER}
# Looking a member up in its enum takes longer than the rule that needs it.
_ECHO, _BOT, _USER = Category.ECHO, Direction.BOT, Direction.USER


def parse_event(raw: bytes | None) -> Event:
    """Parse the value of a record of the events topic.

    Raises:
        BadRecord: it isn't a JSON object, or is nested too deep.
    """
    return decode_object(raw)


def extract_chat_log_entry(event: Event, state: State, *, media: bool = False) -> ChatLogEntry | None:
    """Return the entry of a visible message, or None for any other event.

    Args:
        event: as `parse_event` returned it; the entry holds it, so it must not be changed afterwards.
        state: what the bot knew about the person before the event; {} when nothing is known.
        media: whether what is no text counts as a visible message too.

    Raises:
        BadRecord: a visible message without the person's id, a timestamp, or with text that isn't text; or
            several events in one envelope.
    """
    category = categorise(event)
    moment = moment_of(event, category, media=media)
    return None if moment is None else entry_of(event, category, moment, state)


def extract(raw: bytes | None, *, media: bool = False) -> Extraction:
    """Return what a record of the events topic comes to, as if nothing were known of the person.

    Raises:
        BadRecord: as `parse_event` and `extract_chat_log_entry` do.
    """
    event = parse_event(raw)
    category = categorise(event)
    moment = moment_of(event, category, media=media)
    return Extraction(category, () if moment is None else (entry_of(event, category, moment, {}),))


def key_of(raw: bytes) -> str | None:
    """Return the person, by whom the events topic is keyed, whether they spoke or their bot did."""
    try:
        event = decode_object(raw)
    except BadRecord:
        return None
    person = "recipient" if _is_echo(event) else "sender"
    return id_or_none(object_in(event.get(person)).get("id"))


def categorise(event: Event) -> Category:
    """Return the category of any event: the first that matches, else OTHER. Never raises."""
    message = object_in(event.get("message"))
    if _UNSPOKEN_KEYS.isdisjoint(event) and "quick_reply" not in message:
        return _spoken(event, message) or _remaining(event, message)
    return _unspoken(event, message) or _spoken(event, message) or _remaining(event, message)


def moment_of(event: Event, category: Category, *, media: bool = False) -> Moment | None:
    """Return whose state a visible message needs and as of when; None for an event that is none.

    Raises:
        BadRecord: a visible message without the person's id or a timestamp; an envelope.
    """
    if category is _ECHO:
        userid = required_id(object_in(event.get("recipient")).get("id"), "recipient.id")
    elif category in _USER_MESSAGE_TYPES:
        userid = required_id(object_in(event.get("sender")).get("id"), "sender.id")
    elif category is Category.ENVELOPE:
        # Not taken apart here: its events are of several people, and their states on other partitions.
        raise BadRecord(
            Reason.NOT_AN_EVENT,
            "a whole webhook envelope: produce each of its events by itself, keyed by userid",
        )
    elif media and media_type(category, event) is not None:
        person = "recipient" if _is_echo(event) else "sender"
        userid = required_id(object_in(event.get(person)).get("id"), f"{person}.id")
    else:
        return None
    return Moment(userid, required_moment_ms(event.get("timestamp"), "timestamp"))


def entry_of(event: Event, category: Category, moment: Moment, state: State) -> ChatLogEntry:
    """Return the entry of a visible message, of which the category and the moment are known already.

    Raises:
        BadRecord: its text isn't text.
    """
    if category is _ECHO:
        return _bot_entry(event, moment, state)
    if (message_type := _USER_MESSAGE_TYPES.get(category)) is not None:
        return _user_entry(event, moment, message_type, state)
    return _media_entry(event, category, moment, state)


#: Without one of these, and without a quick reply, categories 1 to 5 need not be asked for: most events.
_UNSPOKEN_KEYS = frozenset(
    {"referral", "postback", "optin", "event", "pass_thread_control", "read", "delivery"}
)


def _unspoken(event: Event, message: _Object) -> Category | None:
    """Categories 1 to 5: nothing was said, whatever else the event holds."""
    if _is_referral(event, message):
        return Category.REFERRAL
    if is_true(event.get("optin")):
        return Category.OPTIN
    source = event.get("source")
    if source == "synthetic" and is_true(object_in(event.get("event")).get("type")):
        return Category.SYNTHETIC
    if source == "messenger" and is_true(event.get("pass_thread_control")):
        return Category.HANDOVER
    if is_true(event.get("read")) or is_true(event.get("delivery")):
        return Category.WATERMARK
    return None


def _spoken(event: Event, message: _Object) -> Category | None:
    """Categories 6 to 9: someone said something."""
    if is_true(message.get("is_echo")):
        return Category.UNSENT if is_true(message.get("is_deleted")) else Category.ECHO
    if is_true(event.get("postback")):
        return Category.POSTBACK
    if is_true(message.get("quick_reply")):
        return Category.QUICK_REPLY
    if message.get("text") is not None:
        return Category.TEXT
    return None


def _remaining(event: Event, message: _Object) -> Category:
    if is_true(message.get("is_deleted")) or is_true(event.get("message_unsend")):
        return Category.UNSENT
    if is_true(message.get("attachments")) or is_true(message.get("is_unsupported")):
        return Category.MEDIA
    if is_true(event.get("reaction")):
        return Category.REACTION
    if is_true(event.get("message_edit")):
        return Category.EDIT
    if _ENVELOPE_LISTS.isdisjoint(event) and not event.keys() >= _CHANGE_KEYS:
        return Category.OTHER
    return Category.ENVELOPE


#: A webhook's request, one entry of it, and the form of those that are no messages.
_ENVELOPE_LISTS = frozenset({"entry", "messaging", "standby", "changes"})
_CHANGE_KEYS = frozenset({"field", "value"})


def _is_referral(event: Event, message: _Object) -> bool:
    if is_true(event.get("referral")):
        return True
    if (postback := event.get("postback")) is not None:
        postback = object_in(postback)
        payload = postback.get("payload")
        if payload == "get_started" or is_true(postback.get("referral")) or _refers(payload):
            return True
    quick_reply = message.get("quick_reply")
    return quick_reply is not None and _refers(object_in(quick_reply).get("payload"))


def _refers(payload: JSON) -> bool:
    return is_true(_object_within(payload).get("referral"))


#: The categories in which a person spoke, with the message type that their rows get.
_USER_MESSAGE_TYPES = {
    Category.POSTBACK: "postback",
    Category.QUICK_REPLY: "quick_reply",
    Category.TEXT: "text",
}


def _bot_entry(event: Event, moment: Moment, state: State) -> ChatLogEntry:
    message = object_in(event.get("message"))
    metadata = _object_within(message.get("metadata"))
    md = state.get("md")
    return (
        ChatLogEntry(  # positional, in the order of the columns: names would cost a tenth of the extraction
            moment.userid,
            # The page is in the event, whatever the bot knows: it speaks, or is spoken to.
            id_or_none(object_in(event.get("sender")).get("id")) or id_or_none(object_in(md).get("pageid")),
            moment.timestamp,
            _BOT,
            optional_text(message.get("text"), "message.text") or words_of_attachments(message),
            id_or_none(metadata.get("ref")),
            _shortcode(state),
            _surveyid(md),
            text_or_none(metadata.get("type")),
            event,
            md if type(md) is dict else None,
        )
    )


def _media_entry(event: Event, category: Category, moment: Moment, state: State) -> ChatLogEntry:
    """Return the entry of what is no text: a person's, unless it is their bot that took a message back."""
    entry = _bot_entry(event, moment, state) if _is_echo(event) else _user_entry(event, moment, "", state)
    content = media_content(category, event)
    return replace(
        entry,
        message_type=media_type(category, event),
        content=entry.content if content is None else content,
    )


def _is_echo(event: Event) -> bool:
    return is_true(object_in(event.get("message")).get("is_echo"))


def _user_entry(event: Event, moment: Moment, message_type: str, state: State) -> ChatLogEntry:
    md = state.get("md")
    return ChatLogEntry(
        moment.userid,
        id_or_none(object_in(event.get("recipient")).get("id")) or id_or_none(object_in(md).get("pageid")),
        moment.timestamp,
        _USER,
        (
            optional_text(object_in(event.get("message")).get("text"), "message.text")
            or optional_text(object_in(event.get("postback")).get("title"), "postback.title")
            or ""
        ),
        id_or_none(state.get("question")),
        _shortcode(state),
        _surveyid(md),
        message_type,
        event,
        md if type(md) is dict else None,
    )


def _shortcode(state: State) -> str | None:
    forms = state.get("forms")
    if type(forms) is not list or not forms:
        return None
    shortcode = id_or_none(forms[-1])
    return shortcode if shortcode is not None and fits_index(shortcode) else None


def _surveyid(md: JSON) -> str | None:
    if type(md) is not dict:
        return None
    return _uuid_or_none(md.get("surveyid")) or _uuid_or_none(md.get("survey_id"))


def _uuid_or_none(value: JSON) -> str | None:
    if value is None:
        return None
    try:
        return optional_uuid(value, "surveyid")
    except BadRecord:
        return None


def _object_within(value: JSON) -> _Object:
    """Return an object as it is, or the one that a string holds as JSON; for anything else, an empty one."""
    if type(value) is str and value.lstrip().startswith("{"):
        try:
            return decode_object(value.encode())
        except BadRecord:
            return NOTHING
    return object_in(value)
