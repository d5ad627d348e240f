"""The order in which contenders run: turned every round, so that a drift of the machine favours nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")


def in_turn(items: Sequence[Item], number: int) -> Sequence[Item]:
    """Return the items forward in even rounds, backward in odd ones."""
    return items[::-1] if number % 2 else items
