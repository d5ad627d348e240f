"""What the pages of conversations say of people, moments and filters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from app.conversations.known import Opinion
from app.conversations.links import chips_of, days_of, person, set_under_more
from app.conversations.moments import briefly, clock, day_of, exactly
from app.conversations.naming import avatar_of, media_of
from app.conversations.rows import Preview, SaidMessage
from app.conversations.views import bubbles_of, instead_of, opinions_of
from models.reading import MessageFilter
from tests.site.talks import BEGAN, room

if TYPE_CHECKING:
    from collections.abc import Mapping

LAGOS, TODAY = ZoneInfo("Africa/Lagos"), date(2026, 11, 30)


def message(number: int = 0, **columns: Any) -> SaidMessage:
    values: dict[str, Any] = {
        "id": room(f"message {number}"),
        "platform": "twitch",
        "channel": "1",
        "conversation": room(),
        "timestamp": BEGAN + timedelta(minutes=number),
        "role": "user",
        "author": "7",
        "author_name": "Mara",
        "person": "7",
        "content": "hi",
        "weight": 1.0,
        "withheld": False,
        "versions": 1,
        "opinions": (),
    }
    empty: dict[str, Any] = dict.fromkeys(SaidMessage.__dataclass_fields__)
    return SaidMessage(**(empty | values | columns))


@pytest.mark.parametrize(
    ("name", "letter"), [("Mara", "M"), ("7314082659471836", "36"), ("★ نور", "ن"), ("", "?"), ("🙂", "?")]
)
def test_a_disc_tells_people_apart(name: str, letter: str) -> None:
    assert avatar_of("twitch/7", name).letter == letter
    assert avatar_of("twitch/7", name).hue == avatar_of("twitch/7", "another name").hue


@pytest.mark.parametrize(
    ("message_type", "metadata", "lines"),
    [
        (None, {}, ()),
        ("text", {"attachments": "odd"}, ()),
        ("image", {}, ("Picture",)),
        ("audio", {}, ("Voice message",)),
        (
            "attachment",
            {"attachments": [{"filename": "a.png", "content_type": "image/png", "size": 517431}, {}]},
            ("Picture: a.png (517 kB)", "File"),
        ),
        ("sticker", {"stickers": ["Wave", None]}, ("Sticker: Wave",)),
    ],
)
def test_what_is_no_text_is_named(
    message_type: str | None, metadata: Mapping[str, Any], lines: tuple[str, ...]
) -> None:
    assert media_of(message_type, metadata) == lines


@pytest.mark.parametrize(
    ("moment", "brief", "day"),
    [
        (datetime(2026, 11, 30, 8, 5, tzinfo=UTC), "09:05", "Today, 30 November 2026"),
        (datetime(2026, 11, 29, 23, 30, tzinfo=UTC), "00:30", "Today, 30 November 2026"),
        (datetime(2026, 11, 29, 8, 5, tzinfo=UTC), "29 Nov", "Yesterday, 29 November 2026"),
        (datetime(2026, 11, 24, 8, 5, tzinfo=UTC), "24 Nov", "Tuesday, 24 November 2026"),
        (datetime(2025, 3, 3, 8, 5, tzinfo=UTC), "3 Mar 2025", "Monday, 3 March 2025"),
    ],
)
def test_moments_are_told_in_the_readers_zone(moment: datetime, brief: str, day: str) -> None:
    assert (briefly(moment, LAGOS, TODAY), day_of(moment, LAGOS, TODAY)) == (brief, day)


def test_a_moment_is_told_exactly() -> None:
    moment = datetime(2026, 11, 24, 23, 4, 20, 123_456, tzinfo=UTC)

    assert exactly(moment, LAGOS) == "Wednesday, 25 November 2026, 00:04:20.123 (WAT)"
    assert clock(datetime.max.replace(tzinfo=UTC), LAGOS) == "23:59"


def test_a_filter_is_shown_part_by_part_each_to_be_removed() -> None:
    wanted = MessageFilter(platform="twitch", role="user", since=datetime(2026, 11, 23, 23, tzinfo=UTC))

    assert chips_of(wanted, LAGOS) == [
        ("Platform", "Twitch", "/conversations?role=user&since=2026-11-23T23%3A00%3A00Z"),
        ("Who spoke", "Person", "/conversations?platform=twitch&since=2026-11-23T23%3A00%3A00Z"),
        ("From", "24 Nov 2026", "/conversations?platform=twitch&role=user"),
    ]
    assert set_under_more(wanted) == 2
    assert [label for label, _ in days_of(wanted, LAGOS, TODAY)][:4] == [
        "Today",
        "Yesterday",
        "Saturday",
        "Friday",
    ]


def test_ids_of_people_may_hold_anything() -> None:
    assert person("vrchat", "a/b?c#d é") == "/people/vrchat/a%2Fb%3Fc%23d%20%C3%A9"


def test_a_run_of_one_author_has_the_name_once_and_a_day_its_heading() -> None:
    said = [
        message(0),
        message(1),
        message(2, author="8"),
        message(30, author="8"),
        message(60 * 24, author="8"),
    ]

    bubbles = bubbles_of(said, kind="channel", zone=LAGOS, today=TODAY, why={})

    assert [bubble.begins for bubble in bubbles] == [True, False, True, True, True]
    assert [bool(bubble.day) for bubble in bubbles] == [True, False, False, False, True]


@pytest.mark.parametrize(
    ("author", "role", "words"), [("Mara", "user", "Mara"), (None, "user", "Person"), (None, "bot", "Bot")]
)
def test_whom_a_message_replies_to_is_said_as_elsewhere(author: str | None, role: str, words: str) -> None:
    reply = Preview(room("first"), BEGAN, role, author, "hi", message_type=None, deleted=None)

    (bubble,) = bubbles_of([message(reply=reply)], kind="channel", zone=LAGOS, today=TODAY, why={})

    assert bubble.replied_to == words


@pytest.mark.parametrize(
    ("role", "kind", "side"),
    [
        ("user", "dialogue", "start"),
        ("assistant", "session", "end"),
        ("bot", "dialogue", "end"),
        ("bot", "channel", "start"),
        ("system", "session", "aside"),
        ("tool", "channel", "aside"),
    ],
)
def test_who_talks_with_a_program_is_across_from_it(role: str, kind: str, side: str) -> None:
    (bubble,) = bubbles_of([message(role=role)], kind=kind, zone=LAGOS, today=TODAY, why={})

    assert bubble.side == side


@pytest.mark.parametrize(
    ("columns", "instead"),
    [
        ({}, ""),
        ({"deleted": BEGAN, "deletion": "keep"}, ""),
        ({"content": "", "deleted": BEGAN, "deletion": "blank"}, "Deleted: the text is no longer stored."),
        ({"content": "", "deletion": "unsent"}, "Taken back by who said it: the text is not shown."),
        ({"content": "", "withheld": True}, "The platform does not pass on what was said here."),
        ({"content": ""}, "Without text."),
    ],
)
def test_what_is_not_shown_is_said(columns: dict[str, Any], instead: str) -> None:
    assert instead_of(message(**columns)) == instead


@pytest.mark.parametrize(
    ("value", "is_good", "words"),
    [
        (1.0, True, "Helpful"),
        (-1.0, False, "Not helpful"),
        (0.0, False, "Not helpful (0)"),
        (0.75, True, "Helpful (0.75)"),
        (7.0, True, "Helpful (7)"),
    ],
)
def test_what_people_think_is_told_in_words(value: float, *, is_good: bool, words: str) -> None:
    rated = message(opinions=(Opinion(value, BEGAN, "tone", None, "u-7", None),))
    (drawn,) = opinions_of(rated, LAGOS, TODAY)

    assert (drawn.is_good, drawn.said, drawn.by, drawn.when) == (is_good, words, "u-7", "24 Nov")


def test_beside_a_message_are_the_latest_of_many_opinions() -> None:
    opinions = tuple(Opinion(1.0, BEGAN, str(number), None, None, None) for number in range(5))
    (bubble,) = bubbles_of([message(opinions=opinions)], kind="session", zone=LAGOS, today=TODAY, why={})

    assert ([one.label for one in bubble.opinions], bubble.more_opinions) == (["2", "3", "4"], 2)
