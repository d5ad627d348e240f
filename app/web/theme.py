"""Whether a reader wants pages light, dark, or as their system is: known before a page is sent."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import Request

THEME_COOKIE = "chatlog_theme"


class Theme(StrEnum):
    """How pages look."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def theme_of(request: Request) -> Theme:
    """Return what the reader chose; as their system is, if nothing usable says otherwise."""
    return theme_named(request.cookies.get(THEME_COOKIE, "")) or Theme.SYSTEM


def theme_named(name: str) -> Theme | None:
    """Return a theme by its value; None if there is none."""
    return next((theme for theme in Theme if theme.value == name), None)
