"""Trouble as the log tells it: a line when it begins, again now and then while it lasts, one when it is over.

For whatever mends itself and is tried again: a service that is away, a table that somebody holds. What comes
and goes within seconds is not told each time.
"""

from __future__ import annotations

import logging
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How often lasting trouble is told.
REPEAT_EVERY_S = 30.0
#: Trouble that is over sooner, and comes soon after other trouble was told, is not worth a line of its own.
BRIEF_S = 5.0


class Trouble:
    """Something that can go wrong and mend itself. Not to be shared by threads.

    Args:
        log: of the part that is in trouble.
        over: the line that says that it is over; None where nothing tells the end of it.
        grace_s: how long trouble must last to be told at all.

    Attributes:
        since: `time.monotonic()` when the present trouble began; None while all is well.
    """

    def __init__(self, log: logging.Logger, over: str | None = None, *, grace_s: float = 0.0) -> None:
        self.since: float | None = None
        self._log = log
        self._over = over
        self._grace_s = grace_s
        #: What was told of the present trouble; None before it was told. Set by `note`, cleared by `end`.
        self._told: str | None = None
        self._told_at = -math.inf

    @property
    def is_told(self) -> bool:
        """Whether the present trouble is in the log."""
        return self._told is not None

    def is_due(self, what: str, *, now: float | None = None) -> bool:
        """Tell whether `note` would write a line now: to ask where its fields are costly to find."""
        now = time.monotonic() if now is None else now
        if self._told is not None:
            return self._told != what or now - self._told_at >= REPEAT_EVERY_S
        lasted_s = 0.0 if self.since is None else now - self.since
        return lasted_s >= self._grace_s and (lasted_s >= BRIEF_S or now - self._told_at >= REPEAT_EVERY_S)

    def note(
        self,
        what: str,
        fields: Mapping[str, object] | None = None,
        *,
        level: int = logging.WARNING,
        now: float | None = None,
    ) -> None:
        """Note that something is wrong, and write it to the log if that is due.

        Args:
            what: what is wrong, and what becomes of it; constant text. Other text than before is news.
            fields: what goes with the line.
            level: of the line.
            now: `time.monotonic()`, where the caller has it.
        """
        now = time.monotonic() if now is None else now
        due = self.is_due(what, now=now)
        if self.since is None:
            self.since = now
        if due:
            self._told, self._told_at = what, now
            self._log.log(level, what, extra=fields)

    def end(self, fields: Mapping[str, object] | None = None) -> None:
        """Note that all is well, and write that to the log if the trouble was told."""
        if self._told is not None and self._over is not None:
            self._log.info(self._over, extra=fields)
        self.forget()

    def forget(self) -> None:
        """Note, without a line, that nobody is left to find out when it is over."""
        self.since = self._told = None
