"""What is seen of a Messenger message without text: templates and their buttons, pictures, voice, reactions.

Which events are messages, and when they become entries, is `models.platforms.messenger`'s matter.
"""

from collections.abc import Iterator

from models import JSON
from models.events import Category, Event
from models.values import NOTHING, object_in

_Object = dict[str, JSON]

#: What attachments are of when they do not say it themselves.
_ATTACHMENT, _UNSUPPORTED, _STICKER = "attachment", "unsupported", "sticker"


def words_of_attachments(message: _Object) -> str:
    """Return what can be read on a message's attachments, line by line; '' for a picture.

    Of a template its text or title and subtitle, then those of its elements, each with its buttons' titles;
    of a link or a place its title.
    """
    lines: list[str] = []
    for attachment in _objects(message.get("attachments")):
        # The title of a template is that of its first element once more.
        lines += list(_words(object_in(attachment.get("payload")))) or list(_words(attachment))
    return "\n".join(lines)


def media_type(category: Category, event: Event) -> str | None:
    """Return the `message_type` of what was sent, in the platform's words where it has some.

    None for an event that nobody sees. A referral is seen where it came by a button or with words.
    """
    if category is Category.MEDIA:
        return _type_of_attachment(object_in(event.get("message")))
    if category is Category.REACTION:
        return "unreaction" if object_in(event.get("reaction")).get("action") == "unreact" else "reaction"
    if category is Category.REFERRAL:
        return _type_of_referral(event)
    return category.value if category is Category.EDIT or category is Category.UNSENT else None


def media_content(category: Category, event: Event) -> str | None:
    """Return the text there is: of attachments what can be read on them, of a reaction its emoji.

    None where it is in the places where a person's words always are.
    """
    if category is Category.REFERRAL:
        return None
    if category is Category.MEDIA:
        return words_of_attachments(object_in(event.get("message")))
    if category is Category.EDIT:
        return _text(object_in(event.get("message_edit")).get("text"))
    if category is Category.REACTION:
        reaction = object_in(event.get("reaction"))
        return _text(reaction.get("emoji")) or _text(reaction.get("reaction"))
    return ""


def _type_of_referral(event: Event) -> str | None:
    message = object_in(event.get("message"))
    if message.get("is_echo"):
        return None
    if _text(object_in(event.get("postback")).get("title")):
        return "postback"
    if _text(message.get("text")):
        return "quick_reply" if "quick_reply" in message else "text"
    return None


def _type_of_attachment(message: _Object) -> str:
    attachment = next(_objects(message.get("attachments")), NOTHING)
    if "sticker_id" in message or "sticker_id" in object_in(attachment.get("payload")):
        return _STICKER
    if not message.get("attachments") and message.get("is_unsupported"):
        return _UNSUPPORTED
    return _text(attachment.get("type")) or _ATTACHMENT


def _words(part: _Object) -> Iterator[str]:
    """Yield what can be read on a part of a template: on itself, its elements, its buttons."""
    yield from filter(None, (_text(part.get(name)) for name in ("text", "title", "subtitle")))
    for element in _objects(part.get("elements")):
        yield from _words(element)
    yield from filter(None, (_text(button.get("title")) for button in _objects(part.get("buttons"))))


def _objects(value: JSON) -> Iterator[_Object]:
    return (item for item in value if type(item) is dict) if type(value) is list else iter(())


def _text(value: JSON) -> str:
    return value if type(value) is str else ""
