"""Sums and counts of people that the database told apart, put together as one row each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.figures.rows import MessagesAt
from models.figures import margin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def joined(
    sums: Iterable[Mapping[str, Any]],
    people: Mapping[tuple[object, object], int],
    names: Mapping[str, tuple[str, str]],
) -> list[MessagesAt]:
    """Return a row for each time and key.

    Args:
        sums: `at`, `key`, `messages`, `weight` and `squares`.
        people: how many, by time and key.
        names: what keys become (several may become one), and what that is called.
    """
    found: dict[tuple[Any, str | None], list[Any]] = {}
    for row in sums:
        key = row["key"]
        known = (row["at"], names.get(key, (key, key))[0] if key is not None else None)
        total = found.setdefault(known, [0, 0.0, 0.0, None, names.get(key or "", (key, key))[1]])
        for place, name in enumerate(("messages", "weight", "squares")):
            total[place] += row[name]
        if (spoke := people.get((row["at"], key))) is not None:
            total[3] = (total[3] or 0) + spoke
    return [
        MessagesAt(
            at=at,
            key=key,
            name=name,
            messages=messages,
            estimate=weight,
            margin=margin(weight, squares),
            people=spoke,
        )
        for (at, key), (messages, weight, squares, spoke, name) in sorted(
            found.items(), key=lambda item: (item[0][0], item[0][1] is None, item[0][1] or "")
        )
    ]
