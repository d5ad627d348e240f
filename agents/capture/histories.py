"""The table of users' histories of states, as capture needs it, and what fits into it.

`app.stream.table` is what a worker has in its place.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from models.limits import HISTORY_MAX_BYTES
from models.states import encode_history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.states import History

log = logging.getLogger(__name__)


class HistoryTable(Protocol):
    """Each user's history of states (`models.states`), encoded, by the user's id and home partition."""

    def reader(self, partition: int) -> Callable[[bytes], bytes | None]:
        """Return the function that tells what is stored for a user of a home; None if nothing is.

        To be asked for anew after every wait: a partition that is given up takes what is stored with it.
        """

    async def write(self, partition: int, changes: Mapping[bytes, bytes]) -> None:
        """Return when the changed histories of a home are safe, and seen by whoever reads them."""


def encode_what_fits(history: History) -> bytes:
    """Encode a history, without its older states if it is larger than the changelog takes.

    Better that this user's late events lack their states than that no state is stored any more.
    """
    encoded = encode_history(history)
    while len(encoded) > HISTORY_MAX_BYTES and len(history) > 1:
        log.warning(
            "A user's states are too large to be kept; the older half is forgotten, needed or not",
            extra={"states": len(history), "size_bytes": len(encoded), "limit_bytes": HISTORY_MAX_BYTES},
        )
        history = history[len(history) // 2 :]
        encoded = encode_history(history)
    return encoded
