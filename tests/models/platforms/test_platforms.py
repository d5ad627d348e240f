"""The registry finds a platform by its name and offers its functions."""

import subprocess
import sys

import pytest

from models.entries import ChatLogEntry, Direction
from models.events import Category, Moment
from models.platforms import MESSENGER, MESSENGER_WITH_MEDIA, PLATFORMS, WITHOUT_STATE


def test_every_platform_is_registered_under_its_own_name() -> None:
    assert {name: platform.name for name, platform in PLATFORMS.items()} == {name: name for name in PLATFORMS}
    assert {"messenger"} == PLATFORMS.keys() - set(WITHOUT_STATE)


def test_a_platform_takes_an_event_all_the_way_to_an_entry() -> None:
    platform = MESSENGER
    event = platform.parse_event(b'{"sender":{"id":"U1"},"timestamp":1,"message":{"text":"hi"}}')
    assert platform.categorise(event) is Category.TEXT
    assert platform.moment_of(event, Category.TEXT) == Moment("U1", 1)
    assert platform.extract_chat_log_entry(event, {}) == ChatLogEntry(
        "U1", None, 1, Direction.USER, "hi", None, None, None, "text", event, None
    )


def test_what_has_no_text_is_captured_where_that_is_asked_for_and_nowhere_else() -> None:
    sticker = (
        b'{"sender":{"id":"U1"},"timestamp":1,"message":{"sticker_id":1,"attachments":[{"type":"image"}]}}'
    )
    with_media = MESSENGER_WITH_MEDIA
    event = with_media.parse_event(sticker)
    category = with_media.categorise(event)
    moment = with_media.moment_of(event, category)
    assert moment == Moment("U1", 1)
    entry = with_media.entry_of(event, category, moment, {})
    assert entry.message_type == "sticker"
    assert with_media.extract_chat_log_entry(event, {}) == entry
    default = MESSENGER
    assert default.moment_of(event, category) is None
    assert default.extract_chat_log_entry(event, {}) is None


@pytest.mark.parametrize("module", ["models.platforms", "models.platforms.messenger", "models.events"])
def test_each_module_can_be_imported_first(module: str) -> None:
    assert subprocess.run([sys.executable, "-c", f"import {module}"], check=False).returncode == 0
