"""Logs the turns of an AI assistant to chatlog, in the background of the chat.

    from chatlog_client import ChatLog

    log = ChatLog("https://chatlog.example", token="…", app="shop")
    session = log.session(user_id="cust-4711")
    with session.asked("Where is my parcel?") as turn:
        turn.answer(assistant("Where is my parcel?"))
    turn.feedback(1)

Logging never blocks the chat and never raises into it: what is told waits in memory, of a bounded size, and a
thread of its own sends it in batches, again and again until the server has it. What was sent twice counts
once. At the end of the program what still waits is sent, for a few seconds. `AsyncChatLog` is the same for
asyncio. Reading back (`history`, `stats`) does wait, and raises.
"""

from chatlog_client.client import AsyncChatLog, ChatLog
from chatlog_client.errors import ChatlogError, Refused, Unreachable
from chatlog_client.sessions import AsyncSession, Session, Turn
from chatlog_client.waiting import Figures

__all__ = [
    "AsyncChatLog",
    "AsyncSession",
    "ChatLog",
    "ChatlogError",
    "Figures",
    "Refused",
    "Session",
    "Turn",
    "Unreachable",
]
