"""Which events a body holds, each letter for letter, and which record each becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingest.bodies import EVENT_MAX_BYTES, JSON_TYPE, LINES, LINES_OF_JSON, events_in, record_of
from app.ingest.raw_json import items_of, members_of
from models.errors import BadRecord
from models.platforms import PLATFORMS
from tests.ingest.bringing import line_of, said
from tests.models.platforms.platform_cases import CASES, PlatformCase

#: A type, a body, and the events in it.
BODIES = [
    (JSON_TYPE, b'{"a": 1}', [b'{"a": 1}']),
    (JSON_TYPE, b' {"a":1}\n', [b' {"a":1}\n']),
    (JSON_TYPE, b'[{"a": 1}, {"b" :2.50}]', [b'{"a": 1}', b'{"b" :2.50}']),
    (JSON_TYPE, b'{"events": [ {"a":1} ,{"a":1} ]}', [b'{"a":1}', b'{"a":1}']),
    (JSON_TYPE, b'[{"text": "half \\ud83d"}]', [b'{"text": "half \\ud83d"}']),
    (JSON_TYPE, '[{"text": "наука 🎈"}]'.encode(), ['{"text": "наука 🎈"}'.encode()]),
    (JSON_TYPE, b'[{"id": 12345678901234567890123456789}]', [b'{"id": 12345678901234567890123456789}']),
    (JSON_TYPE, b'[{"id": ' + b"9" * 5000 + b"}]", [b'{"id": ' + b"9" * 5000 + b"}"]),
    # An event that has a member of this name, and others.
    (JSON_TYPE, b'{"events": [1], "a": 1}', [b'{"events": [1], "a": 1}']),
    (JSON_TYPE, b'{"events": 1}', [b'{"events": 1}']),
    (JSON_TYPE, b"[]", []),
    (JSON_TYPE, b'{"events":[]}', []),
    (JSON_TYPE, b" \n", []),
    # No JSON: one event, which its platform refuses.
    (JSON_TYPE, b'[{"a": 1}', [b'[{"a": 1}']),
    (JSON_TYPE, b'[{"a": 1}] [', [b'[{"a": 1}] [']),
    (JSON_TYPE, b"[1,]", [b"[1,]"]),
    (JSON_TYPE, b"\xff", [b"\xff"]),
    (JSON_TYPE, b"[" * 100_000, [b"[" * 100_000]),
    (LINES_OF_JSON, b'{"a": 1}\n\n{"b": 2}\r\n', [b'{"a": 1}', b'{"b": 2}']),
    (LINES_OF_JSON, b'{"a": 1}', [b'{"a": 1}']),
    (LINES_OF_JSON, b'[{"a": 1}]\n', [b'[{"a": 1}]']),
    (LINES, b"PING :tmi\r\n:a PRIVMSG #b : c \n", [b"PING :tmi", b":a PRIVMSG #b : c "]),
    (LINES, b"", []),
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
blanks = st.text(" \t\n\r", max_size=3)


@pytest.mark.parametrize(("content_type", "body", "events"), BODIES)
def test_a_body_holds_these_events(content_type: str, body: bytes, events: list[bytes]) -> None:
    assert events_in(content_type, body) == events


@given(st.lists(values), blanks, st.booleans(), st.sampled_from([None, 2]))
def test_the_items_of_a_list_are_those_that_were_written(
    written: list[Any], blank: str, ascii_only: bool, indent: int | None
) -> None:
    each = [json.dumps(value, ensure_ascii=ascii_only, indent=indent) for value in written]
    text = blank + "[" + blank + f"{blank},{blank}".join(each) + blank + "]" + blank

    assert items_of(text) == each
    assert members_of(text) is None


@given(st.dictionaries(st.text(), values), blanks)
def test_the_members_of_an_object_are_those_that_were_written(written: dict[str, Any], blank: str) -> None:
    each = {name: json.dumps(value) for name, value in written.items()}
    pairs = [f"{json.dumps(name)}{blank}:{blank}{value}" for name, value in each.items()]
    text = blank + "{" + blank + f"{blank},{blank}".join(pairs) + blank + "}" + blank

    assert members_of(text) == each
    assert items_of(text) is None


@given(st.text() | values.map(json.dumps))
def test_a_text_is_a_list_or_an_object_just_where_json_says_so(text: str) -> None:
    try:
        value = json.loads(text)
    except ValueError:
        value = None

    assert (items_of(text) is not None) == isinstance(value, list)
    assert (members_of(text) is not None) == isinstance(value, dict)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.platform in PLATFORMS],
    ids=lambda case: f"{case.platform}-{case.number}",
)
def test_the_record_of_an_event_has_its_bytes_and_the_key_of_its_platform(case: PlatformCase) -> None:
    platform = PLATFORMS[case.platform]
    try:
        record = record_of(platform, case.raw)
    except BadRecord:
        assert platform.key_of(case.raw) is None
        return

    assert record.value == case.raw
    assert record.key == (None if (key := platform.key_of(case.raw)) is None else key.encode())


@pytest.mark.parametrize(
    ("platform", "event"),
    [
        ("messenger", b"{"),
        ("messenger", b"[1]"),
        ("messenger", b"\xff"),
        ("messenger", json.dumps(said("", "Who is it?")).encode()),
        ("twitch", b"no line of IRC at all"),
        ("twitch", b'{"no":"envelope"}'),
        ("twitch", line_of("x" * EVENT_MAX_BYTES).encode()),
    ],
)
def test_an_event_that_nobody_could_read_is_refused(platform: str, event: bytes) -> None:
    with pytest.raises(BadRecord):
        record_of(PLATFORMS[platform], event)


def test_what_says_nothing_and_names_no_channel_has_no_key() -> None:
    assert record_of(PLATFORMS["twitch"], b"PING :tmi.twitch.tv").key is None
