"""How somebody or something is drawn: by which letters, in which of a few colours, under which name. Pure."""

from zlib import crc32

#: As many as pages.css has (`hue-0` and on).
HUES = 8

_NAMES = {"vrchat": "VRChat", "crm": "CRM"}


def hue(key: str) -> int:
    """Return the number of a colour: always the same for a key, so that the eye finds it again."""
    return crc32(key.encode()) % HUES


def initials(name: str) -> str:
    """Return the one or two letters that stand for a name: `AB` for `ana.b@example.org`, `אב` for `אנה ב`."""
    local = name.partition("@")[0] or name
    parts = [part for part in "".join(c if c.isalnum() else " " for c in local).split() if part]
    return "".join(part[0] for part in parts[:2]).upper() or "?"


def platform_name(platform: str) -> str:
    """Return a platform's name as people write it."""
    return _NAMES.get(platform, platform.capitalize())
