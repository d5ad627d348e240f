"""Envelopes of Twitch's EventSub: of a websocket as they come, of a webhook as `{"headers": …, "body": …}`.

The time of what was said is in no event: it is the delivery's, in the envelope's metadata or in the request's
headers, so a body alone is not enough. A delivery that is repeated has another id and another time; who a
message is, its own id tells.

`channel.moderate` tells who took back what IRC and the other subscriptions tell without a name. What was done
in another room of a shared chat (`shared_chat_ban` and its like) is that room's, and nothing here.
"""

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from models import JSON
from models.errors import BadRecord, Reason
from models.fields import optional_indexed_id, optional_text, required_id, required_moment_ms, required_text
from models.messages import UNKNOWN, Clear, Deletion, Extraction, Found
from models.platforms.twitch_messages import Said, chat_message
from models.values import id_or_none, list_in, object_in, text_or_none

_Object = dict[str, JSON]

_NOTIFICATION = "notification"
#: Messages about the connection or the subscription. After a revocation nothing comes any more.
_ABOUT_THE_CONNECTION = frozenset(
    {
        *("session_welcome", "session_keepalive", "session_reconnect"),
        *("revocation", "webhook_callback_verification"),
    }
)
#: In these nothing is found, as what they tell of a chat comes by `channel.chat.*`, once, or was never seen:
#: what AutoMod holds comes as an ordinary message when it is let through.
_SILENT = frozenset(
    {
        *("automod.message.hold", "automod.message.update"),
        *("channel.chat.user_message_hold", "channel.chat.user_message_update"),
        *("channel.bits.use", "channel.cheer", "channel.chat_settings.update", "channel.follow"),
        *("channel.raid", "channel.update", "stream.online", "stream.offline", "user.whisper.message"),
        *("channel.shared_chat.begin", "channel.shared_chat.update", "channel.shared_chat.end"),
        *("channel.subscribe", "channel.subscription.end", "channel.subscription.gift"),
        "channel.subscription.message",
    }
)
#: So looks the name of a kind that Twitch may have added; anything else might be somebody's words.
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}")


class EventSubDelivery(NamedTuple):
    """What an envelope is about.

    Attributes:
        message_type: a notification, or something about the connection.
        subscription_type: what kind of event it notifies of.
        told: when it was sent, as written.
        event: the event.
        envelope: all of it.
    """

    message_type: JSON
    subscription_type: JSON
    told: JSON
    event: _Object
    envelope: _Object

    @property
    def timestamp(self) -> int:
        """When it was sent, in ms; raises `BadRecord` where that is not told."""
        return required_moment_ms(self.told, "the delivery's time (message_timestamp, or the header)")


def extract_envelope(envelope: _Object) -> Extraction:
    """Return what an envelope comes to.

    Raises:
        BadRecord: it is none, or what was said or done in it lacks what a row needs.
    """
    delivery = _delivery(envelope)
    kind = delivery.subscription_type if delivery.message_type == _NOTIFICATION else delivery.message_type
    if type(kind) is not str or not _NAME.fullmatch(kind):
        raise BadRecord(Reason.NOT_AN_EVENT, "an envelope of EventSub that does not name what it is")
    if kind in _SILENT or kind in _ABOUT_THE_CONNECTION:
        return Extraction(kind)
    if find := _FINDERS.get(kind):
        return Extraction(kind, find(delivery))
    return Extraction(UNKNOWN, (), kind)


def room_of_envelope(envelope: _Object) -> str | None:
    """Return the id of the room that an envelope is of, if it is of one."""
    return id_or_none(_delivery(envelope).event.get("broadcaster_user_id"))


def _delivery(envelope: _Object) -> EventSubDelivery:
    if "metadata" in envelope:
        metadata, body = object_in(envelope["metadata"]), object_in(envelope.get("payload"))
        message_type, told = metadata.get("message_type"), metadata.get("message_timestamp")
    elif "headers" in envelope:
        body = object_in(envelope.get("body"))
        # Names of headers compare without case.
        headers = {name.lower(): value for name, value in object_in(envelope["headers"]).items()}
        message_type = headers.get("twitch-eventsub-message-type")
        told = headers.get("twitch-eventsub-message-timestamp")
    elif "subscription" in envelope:
        body, message_type, told = envelope, _NOTIFICATION, None
    else:
        raise BadRecord(Reason.NOT_AN_EVENT, "neither a line of IRC nor an envelope of EventSub")
    subscription = object_in(body.get("subscription"))
    return EventSubDelivery(
        message_type, subscription.get("type"), told, object_in(body.get("event")), envelope
    )


def _chat_message(delivery: EventSubDelivery) -> tuple[Found, ...]:
    text = required_text(object_in(delivery.event.get("message")).get("text"), "message.text")
    return _said(delivery, text, text_or_none(delivery.event.get("message_type")))


def _chat_notification(delivery: EventSubDelivery) -> tuple[Found, ...]:
    text = optional_text(object_in(delivery.event.get("message")).get("text"), "message.text")
    notice = text_or_none(delivery.event.get("notice_type")) or ""
    return _said(delivery, text, notice.removeprefix("shared_chat_") or None) if text else ()


def _said(delivery: EventSubDelivery, text: str, message_type: str | None) -> tuple[Found, ...]:
    tell = delivery.event.get
    reply, bits = object_in(tell("reply")), object_in(tell("cheer")).get("bits")
    fragments = list_in(object_in(tell("message")).get("fragments"))
    said = Said(
        source_id=required_id(tell("message_id"), "message_id"),
        timestamp=delivery.timestamp,
        room=required_id(tell("broadcaster_user_id"), "broadcaster_user_id"),
        room_login=text_or_none(tell("broadcaster_user_login")),
        author_id=optional_indexed_id(tell("chatter_user_id"), "chatter_user_id"),
        login=text_or_none(tell("chatter_user_login")),
        name=text_or_none(tell("chatter_user_name")),
        text=text,
        message_type=message_type,
        badges=_badge_names(tell("badges")),
        source_badges=_badge_names(tell("source_badges")),
        reply_to=id_or_none(reply.get("parent_message_id")),
        thread=id_or_none(reply.get("thread_message_id")),
        bits=bits if type(bits) is int else 0,
        reward=id_or_none(tell("channel_points_custom_reward_id")),
        source_message=id_or_none(tell("source_message_id")),
        source_room=id_or_none(tell("source_broadcaster_user_id")),
        system_message=text_or_none(tell("system_message")),
        is_first=False,  # not told
        has_mention=any(object_in(fragment).get("type") == "mention" for fragment in fragments),
        raw=delivery.envelope,
    )
    return (chat_message(said),)


def _message_delete(delivery: EventSubDelivery) -> tuple[Found, ...]:
    return (
        Deletion(
            source_id=required_id(delivery.event.get("message_id"), "message_id"),
            deleted=delivery.timestamp,
            channel=id_or_none(delivery.event.get("broadcaster_user_id")),
        ),
    )


def _clear_user_messages(delivery: EventSubDelivery) -> tuple[Found, ...]:
    return (_clear(delivery, required_id(delivery.event.get("target_user_id"), "target_user_id")),)


def _clear_chat(delivery: EventSubDelivery) -> tuple[Found, ...]:
    return (_clear(delivery, None),)


def _moderate(delivery: EventSubDelivery) -> tuple[Found, ...]:
    """What a moderator did: of what it tells, what takes words back. It repeats a deleted message's words."""
    action = delivery.event.get("action")
    moderator = id_or_none(delivery.event.get("moderator_user_id"))
    if action == "clear":
        return (_clear(delivery, None, moderator),)
    if action not in ("delete", "timeout", "ban"):
        return ()
    detail = object_in(delivery.event.get(action))
    if action == "delete":
        return (
            Deletion(
                source_id=required_id(detail.get("message_id"), "delete.message_id"),
                deleted=delivery.timestamp,
                channel=id_or_none(delivery.event.get("broadcaster_user_id")),
                deleted_by=moderator,
            ),
        )
    return (
        _clear(
            delivery,
            required_id(detail.get("user_id"), f"{action}.user_id"),
            moderator,
            reason=text_or_none(detail.get("reason")) or action,
            until=detail.get("expires_at"),
        ),
    )


def _clear(
    delivery: EventSubDelivery,
    author_id: str | None,
    cleared_by: str | None = None,
    *,
    reason: str | None = None,
    until: JSON = None,
) -> Clear:
    duration_ms = None if until is None else required_moment_ms(until, "expires_at") - delivery.timestamp
    return Clear(
        channel=required_id(delivery.event.get("broadcaster_user_id"), "broadcaster_user_id"),
        cleared=delivery.timestamp,
        author_id=author_id,
        cleared_by=cleared_by,
        duration_s=None if duration_ms is None else max(round(duration_ms / 1000), 0),
        reason=reason,
    )


def _badge_names(badges: JSON) -> Collection[str]:
    return [name for badge in list_in(badges) if (name := text_or_none(object_in(badge).get("set_id")))]


_FINDERS: dict[str, Callable[[EventSubDelivery], tuple[Found, ...]]] = {
    "channel.chat.message": _chat_message,
    "channel.chat.notification": _chat_notification,
    "channel.chat.message_delete": _message_delete,
    "channel.chat.clear_user_messages": _clear_user_messages,
    "channel.chat.clear": _clear_chat,
    "channel.moderate": _moderate,
}
KINDS = _SILENT | _ABOUT_THE_CONNECTION | _FINDERS.keys()
