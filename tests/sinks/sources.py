"""What sinks are given: pairs of an item and what it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")


def each_its_own_source(items: Iterable[Item]) -> list[tuple[Item, Item]]:
    """Pair each item with itself, so that what is refused is told by the item."""
    return [(item, item) for item in items]
