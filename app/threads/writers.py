"""What somebody may write in a thread: the one place that tells their own messages from others'. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.access import NotAllowed
from models.access import Action, may, thread_thing

if TYPE_CHECKING:
    from app.threads.rows import ThreadHead
    from models.access import Caller, Thing


@dataclass(frozen=True, slots=True)
class ThreadWriter:
    """Somebody who reads a thread, as far as they may write in it.

    Attributes:
        id: who they are; what they wrote bears it.
        may_write: whether they may write there, and change what is theirs.
        may_moderate: whether they may change any message, and archive or delete the thread.
    """

    id: str = ""
    may_write: bool = False
    may_moderate: bool = False

    @classmethod
    def of(cls, caller: Caller, thing: Thing) -> Self:
        """Return what somebody may write in a thread (`models.access.thread_thing`)."""
        return cls(
            caller.id, may(caller, Action.WRITE_THREADS, thing), may(caller, Action.MODERATE_THREADS, thing)
        )

    @property
    def may_anything(self) -> bool:
        """Whether there is anything to offer."""
        return self.may_write or self.may_moderate

    def wrote(self, author: str | None) -> bool:
        """Tell whether a message is theirs, and they write there."""
        return self.may_write and author == self.id

    def may_change(self, author: str | None) -> bool:
        """Tell whether they may edit and delete a message of this author."""
        return self.may_moderate or self.wrote(author)


def check_may_change(caller: Caller, head: ThreadHead, author: str | None) -> None:
    """Make sure that somebody who reads a thread may edit and delete a message in it of this author.

    Raises:
        NotAllowed: it is not theirs, and they do not moderate; or they only read.
    """
    if not ThreadWriter.of(caller, thread_thing(head.tenant, head.learner)).may_change(author):
        raise NotAllowed("None of your roles lets you change this message.")
