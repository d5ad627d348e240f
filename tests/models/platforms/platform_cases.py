"""Events of all platforms and what is right to find in them: `platform_cases.json`, and the comparison.

The collection speaks its own words for what `models.messages` calls otherwise. Where it expects nothing, a
record that is refused is right as well if the test says so: what cannot be a row is kept, not dropped.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from models.errors import BadRecord
from models.messages import (
    ChannelParent,
    Clear,
    Deletion,
    Edit,
    Extraction,
    Feedback,
    Found,
    Message,
    Presence,
)

_COLLECTION = Path(__file__).with_name("platform_cases.json")
#: What the collection calls a platform where it is not what we call it.
_PLATFORM_NAMES = {"ai": "assistant"}


class PlatformCase(NamedTuple):
    """One event.

    Attributes:
        number: who the case is.
        platform: as `PLATFORMS` names it.
        kind: what the collection calls this kind of event.
        raw: the record's value.
        messages: the messages that are right, in order.
        effect: what else the event does, in the collection's words; None for nothing.
        about_the_first: what is said of the first message beside its fields, by attribute of `Message`.
    """

    number: int
    platform: str
    kind: str
    raw: bytes
    messages: list[dict[str, Any]]
    effect: dict[str, Any] | None
    about_the_first: dict[str, str]


def cases_of(platform: str) -> list[Any]:
    """Return a platform's cases as parameters of a test."""
    return [
        pytest.param(case, id=f"{case.number}-{case.kind}") for case in CASES if case.platform == platform
    ]


def assert_right(
    case: PlatformCase,
    extract: Callable[[bytes | None], Extraction],
    *,
    refused: Iterable[int] = (),
    without_effect: Iterable[int] = (),
    also: Mapping[int, dict[str, Any]] = MappingProxyType({}),
) -> None:
    """Assert that an extractor finds in a case's event what is right, and nothing else.

    Args:
        case: the event and what is right.
        extract: the platform's.
        refused: the numbers of the cases that must go to the dead letters.
        without_effect: the numbers of those whose effect is not to be trusted, or told in another way.
        also: by the numbers of cases, an effect that the collection does not speak of.
    """
    if case.number in refused:
        with pytest.raises(BadRecord):
            extract(case.raw)
        return
    found = extract(case.raw).found
    messages = _messages(found)
    assert [_as_told(case.platform, message) for message in messages] == case.messages
    if messages:
        first = {name: getattr(messages[0], name) for name in case.about_the_first}
        assert first == case.about_the_first
    effects = _effects([item for item in found if not _is_no_effect(item, messages)])
    right = [] if case.effect is None or case.number in without_effect else [case.effect]
    right += [also[case.number]] if case.number in also else []
    assert len(effects) == len(right)
    for effect, what_is_right in zip(effects, right, strict=True):
        assert {name: effect.get(name) for name in what_is_right} == what_is_right


def _messages(found: Sequence[Found]) -> list[Message]:
    """Return the messages, and what an answer that is filled in later is as a whole."""
    return [item for item in found if isinstance(item, Message)] or [
        item.message for item in found if isinstance(item, Edit) and item.edited is None and item.message
    ]


def _is_no_effect(item: Found, messages: Sequence[Message]) -> bool:
    """Tell whether an item says nothing beside the messages: a text is filled in that they have as well."""
    if isinstance(item, Edit) and item.told is not None:
        return item.message in messages
    return isinstance(item, Message | ChannelParent)


def _as_told(platform: str, message: Message) -> dict[str, Any]:
    return {
        "platform_message_id": message.source_id,
        # Of an assistant the collection calls the session the channel.
        "channel": message.conversation if platform == "assistant" else message.channel,
        "userid": message.author_id,
        "timestamp_ms": message.timestamp,
        "role": message.role.value,
        "content": message.content,
    }


def _effects(found: list[Any]) -> list[dict[str, Any]]:
    deletions = [item for item in found if isinstance(item, Deletion)]
    others = [_effect(item) for item in found if not isinstance(item, Deletion)]
    if not deletions:
        return others
    # Many messages may be deleted by one event, which the collection calls one effect.
    (place,) = {(deletion.channel, deletion.deleted) for deletion in deletions}
    ids = [deletion.source_id for deletion in deletions]
    return [
        {"op": "delete", "platform_message_ids": ids, "channel": place[0], "timestamp_ms": place[1]},
        *others,
    ]


def _effect(item: Edit | Clear | Presence | Feedback) -> dict[str, Any]:
    match item:
        case Edit():
            return {
                "op": "fill" if item.edited is None else "edit",
                "platform_message_id": item.source_id,
                "content": item.content,
                "edited_ms": item.edited,
            }
        case Clear():
            return {
                "op": "clear_channel" if item.author_id is None else "clear_user",
                "channel": item.channel,
                "userid": item.author_id,
                "timestamp_ms": item.cleared,
                "duration_s": item.duration_s,
            }
        case Presence():
            return {
                "op": item.kind.value,
                "channel": item.channel,
                "userid": item.author_id,
                "user_name": item.author_name,
                "timestamp_ms": item.timestamp,
            }
        case Feedback():
            return {
                "op": "feedback",
                # The collection refers to the turn, and ours to its answer.
                "refers_to": item.refers_to.removesuffix(":assistant"),
                "value": item.value,
                "comment": item.comment,
            }


def _case(told: Mapping[str, Any]) -> PlatformCase:
    messages = [told["expect"], *told.get("expect_also", ())] if told["expect"] else []
    about = {"reply_to": "reply_to", "user_name": "author_name", "channel_name": "channel_name"}
    return PlatformCase(
        told["id"],
        _PLATFORM_NAMES.get(told["platform"], told["platform"]),
        told["kind"],
        told["raw"].encode(),
        messages,
        told.get("effect"),
        {ours: told[theirs] for theirs, ours in about.items() if theirs in told},
    )


#: Every case of the collection.
CASES = [_case(told) for told in json.loads(_COLLECTION.read_text())]
