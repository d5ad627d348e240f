"""What whoever reads a thread may write in it, so that its page offers that and nothing else. Pure.

The page offers; whether it is done, is asked again where it is done (`app.threads`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.threads.service import learners_of
from models.access import THREADS, Action, may, thread_thing

if TYPE_CHECKING:
    from app.conversations.rows import ConversationRow, SaidMessage
    from models.access import Caller


@dataclass(frozen=True, slots=True)
class ThreadWriter:
    """Somebody who reads a conversation, as far as they may write in it.

    Attributes:
        id: who they are; what they wrote bears it.
        may_write: whether they may write there, and change what is theirs.
        may_moderate: whether they may change what is others', and archive or delete the thread.
    """

    id: str = ""
    may_write: bool = False
    may_moderate: bool = False

    @property
    def may_anything(self) -> bool:
        """Whether there is anything to offer."""
        return self.may_write or self.may_moderate

    def wrote(self, message: SaidMessage) -> bool:
        """Tell whether a message is theirs, and they write there."""
        return self.may_write and message.author == self.id

    def may_change(self, message: SaidMessage) -> bool:
        """Tell whether they may edit and delete a message."""
        return message.deleted is None and (self.may_moderate or self.wrote(message))


#: Who may do nothing but read.
NOBODY = ThreadWriter()


def writer_of(caller: Caller, row: ConversationRow) -> ThreadWriter:
    """Return what somebody may write in a conversation: in none but threads, anything."""
    if row.platform != THREADS or row.person is None:
        return NOBODY
    thing = thread_thing(row.channel, row.person)
    return ThreadWriter(
        caller.id, may(caller, Action.WRITE_THREADS, thing), may(caller, Action.MODERATE_THREADS, thing)
    )


def may_begin_threads(caller: Caller) -> bool:
    """Tell whether there is anybody with whom they may begin one."""
    return learners_of(caller, None, Action.WRITE_THREADS) != []
