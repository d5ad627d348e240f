"""Find the bad records of a batch by halving it, so that one of them never stops the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from models.errors import BadRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

Item = TypeVar("Item")


async def write_or_split(
    items: Sequence[Item], write: Callable[[Sequence[Item]], Awaitable[int]]
) -> tuple[int, list[tuple[Item, BadRecord]]]:
    """Write `items`, all at once if possible; halve a batch that fails for its content.

    A batch of n items with one bad record costs about 2·log2(n) writes.

    Args:
        items: what to write, in order.
        write: writes some of them in one transaction, returns how many rows it added, and raises
            BadRecord when one of them is to blame. Its other errors pass through.

    Returns:
        How many rows were added, and the items that stood alone when they were refused, with the reason.
    """
    if not items:
        return 0, []
    try:
        return await write(items), []
    except BadRecord as error:
        if len(items) == 1:
            return 0, [(items[0], error)]
    half = len(items) // 2
    written_left, bad_left = await write_or_split(items[:half], write)
    written_right, bad_right = await write_or_split(items[half:], write)
    return written_left + written_right, bad_left + bad_right
