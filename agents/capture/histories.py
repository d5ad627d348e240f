"""The table of users' states as capture needs it; `app.stream.table` is what a worker has in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class HistoryTable(Protocol):
    """Each user's history of states (`models.states`), encoded, by the user's id and home partition."""

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        """Return the function that tells what is stored for a user of a home; None if nothing is.

        To be asked for anew after every wait: a partition that is given up takes what is stored with it.
        """

    async def write(self, partition: int, changes: Mapping[bytes, bytes]) -> None:
        """Return when the changed histories of a home are safe, and seen by whoever reads them."""
