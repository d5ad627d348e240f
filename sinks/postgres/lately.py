"""What this process did lately, so that it need not do it again at once: bounded, the longest unused goes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Note = TypeVar("Note")


class Lately(Generic[Note]):
    """Remembers a note of each of the things that were last looked at or noted.

    Args:
        at_most: how many are remembered.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._notes: OrderedDict[str, Note] = OrderedDict()

    def get(self, thing: str) -> Note | None:
        """Return what was noted; None where nothing is remembered."""
        note = self._notes.get(thing)
        if note is not None:
            self._notes.move_to_end(thing)
        return note

    def note(self, notes: Mapping[str, Note]) -> None:
        """Remember these, in place of earlier ones of the same things."""
        for thing, note in notes.items():
            self._notes[thing] = note
            self._notes.move_to_end(thing)
        while len(self._notes) > self._at_most:
            self._notes.popitem(last=False)
