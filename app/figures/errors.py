"""What can be wrong with a question for figures."""

from __future__ import annotations

from models.errors import ChatlogError, MustAct


class NoSuchFigures(ChatlogError):
    """There are no figures of what is looked for; the message says of what there are."""

    must_act = MustAct.CALLER
