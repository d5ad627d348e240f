"""What becomes of senders when the program ends, or a process is forked off it."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatlog_client.sending import Sender

#: Held while no process may be forked off: OpenSSL keeps a lock while a client is made, and in the child
#: nobody would ever let go of it.
WHOLE = threading.Lock()
#: Those that may have something to send when the program ends.
ALL: weakref.WeakSet[Sender] = weakref.WeakSet()
#: How long the end of a program may wait for them.
AT_EXIT_S = 5.0


def _at_exit() -> None:
    until = time.monotonic() + AT_EXIT_S
    for sender in list(ALL):
        sender.close(max(0.0, until - time.monotonic()))


def _in_child() -> None:
    """Leave to the parent what it is to send: only the thread that forked is in the child."""
    WHOLE.release()
    for sender in list(ALL):
        sender.begin()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=WHOLE.acquire, after_in_parent=WHOLE.release, after_in_child=_in_child)
