"""How sessions and turns are called: by those who log them, and where they are kept. Pure.

Each app has its own sessions: what an app calls `session_1` is kept as `shop:session_1`, so that no other
writes into it or reads it. A turn's id is its session's own, and is kept as `shop:session_1/turn_7`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.access import APP_ENDS, ASSISTANT, message_thing
from models.ids import conversation_key

if TYPE_CHECKING:
    from uuid import UUID

    from models.access import Caller, Thing

#: What a session or a turn can be called: it is a part of an address.
NAME_FORM = "1 to 255 printable characters, none of them a slash or a space"
NAME_PATTERN = r"^[^\s/\x00-\x1f\x7f]+$"
NAME_MAX = 255
APP_PATTERN = r"^[A-Za-z0-9._-]+$"
APP_MAX = 64
#: What ends the name of a session in that of a turn.
_SESSION_ENDS = "/"

#: What in a scope reaches sessions beside those of an app.
_OTHERS = (f"platform:{ASSISTANT}", f"channel:{ASSISTANT}/")
_IS_APP = re.compile(APP_PATTERN).match


@dataclass(frozen=True, slots=True)
class SessionName:
    """Which session.

    Attributes:
        app: whose it is; None for one of no app in particular.
        own: what that calls it.
    """

    app: str | None
    own: str

    @property
    def kept(self) -> str:
        """What it is kept as: the channel and the conversation of its messages."""
        return self.own if self.app is None else f"{self.app}{APP_ENDS}{self.own}"

    @property
    def conversation_id(self) -> str:
        """The id of the conversation."""
        return conversation_key(ASSISTANT, self.kept, self.kept)

    @property
    def thing(self) -> Thing:
        """What the right to it depends on."""
        return message_thing(ASSISTANT, self.kept)

    def turn(self, own: str) -> str:
        """Return what a turn of it is kept as."""
        return f"{self.kept}{_SESSION_ENDS}{own}"


def session_kept_as(kept: str, app: str | None) -> SessionName:
    """Return a session of the app that asks; without one, whose it is remains a part of its name."""
    begins = "" if app is None else f"{app}{APP_ENDS}"
    return SessionName(app, kept.removeprefix(begins))


def new_session(made: UUID, now_ms: int) -> str:
    """Return a name for a session that has none."""
    return f"session_{made}_{now_ms}"


def new_turn(made: UUID, now_ms: int) -> str:
    """Return a name for a turn that has none."""
    return f"turn_{made}_{now_ms}"


def app_of(caller: Caller, asked: str | None) -> str | None:
    """Return whose sessions a caller means: those of the app that they name, or of their only one.

    Whether they may have them is another question (`models.access.may`).

    Args:
        caller: who asks; a scope names an app as `app:shop`.
        asked: the app that the request names.
    """
    reaches_others = any(part.startswith(_OTHERS) for part in caller.scope)
    if asked is not None or reaches_others:
        return asked
    apps = [app for app in caller.within("app") or () if _IS_APP(app)]
    return apps[0] if len(apps) == 1 else None
