"""What whoever reads a thread may write in it, so that its page offers that and nothing else. Pure.

The page offers; whether it is done, is asked again where it is done (`app.threads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.threads.service import learners_of
from app.threads.writers import ThreadWriter
from models.access import THREADS, Action, thread_thing

if TYPE_CHECKING:
    from app.conversations.rows import ConversationRow
    from models.access import Caller

#: Who may do nothing but read.
NOBODY = ThreadWriter()


def writer_of(caller: Caller, row: ConversationRow) -> ThreadWriter:
    """Return what somebody may write in a conversation: in none but threads, anything."""
    if row.platform != THREADS or row.person is None:
        return NOBODY
    return ThreadWriter.of(caller, thread_thing(row.channel, row.person))


def may_begin_threads(caller: Caller) -> bool:
    """Tell whether there is anybody with whom they may begin one."""
    return learners_of(caller, None, Action.WRITE_THREADS) != []
