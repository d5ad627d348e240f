"""Addresses of routes, with something in place of each parameter of their paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARAMETER = re.compile(r"\{(?P<name>\w+)(:\w+)?\}")
#: Of parameters that are no UUID.
_VALUES = {"name": "none", "letter": "1", "platform": "twitch"}


def filled(path: str, values: Mapping[str, object] | None = None) -> str:
    """Return an address of a route: with these values of its parameters, or any that could be."""
    known = _VALUES | dict(values or {})
    return _PARAMETER.sub(lambda found: str(known.get(found["name"]) or uuid4()), path)
