"""The registry finds a platform by its name and offers its functions."""

import subprocess
import sys

import pytest

from models.entries import ChatLogEntry, Direction
from models.events import Category, Moment
from models.platforms import PLATFORMS


def test_every_platform_is_registered_under_its_own_name() -> None:
    assert {name: platform.name for name, platform in PLATFORMS.items()} == {"messenger": "messenger"}


def test_a_platform_takes_an_event_all_the_way_to_an_entry() -> None:
    platform = PLATFORMS["messenger"]
    event = platform.parse_event(b'{"sender":{"id":"U1"},"timestamp":1,"message":{"text":"hi"}}')
    assert platform.categorise(event) is Category.TEXT
    assert platform.moment_of(event, Category.TEXT) == Moment("U1", 1)
    assert platform.extract_chat_log_entry(event, {}) == ChatLogEntry(
        "U1", None, 1, Direction.USER, "hi", None, None, None, "text", event, None
    )


@pytest.mark.parametrize("module", ["models.platforms", "models.platforms.messenger", "models.events"])
def test_each_module_can_be_imported_first(module: str) -> None:
    assert subprocess.run([sys.executable, "-c", f"import {module}"], check=False).returncode == 0
