"""From when to when somebody was somewhere, where the platform tells who comes and goes. Pure.

A stay is from a join to the next leave. What somebody says while there counts into it; what they say
otherwise makes stays of its own, each without a gap that is longer than may be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

JOIN, MESSAGE, LEAVE = "join", "message", ("leave", "leave_all")


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of one person in one channel.

    Attributes:
        joined: its beginning.
        last_at: when something was last seen of them.
        left_at: when they left; None where that is not told.
        messages: how many they sent.
        told: whether the platform told of it.
    """

    joined: datetime
    last_at: datetime
    left_at: datetime | None = None
    messages: int = 0
    told: bool = False


def stays_of(presences: Iterable[tuple[datetime, str]], gap: timedelta) -> list[Stay]:
    """Return somebody's stays in a channel.

    Args:
        presences: when what was told of them, in any order: `join`, `leave`, `leave_all` or `message`.
        gap: how far apart two messages of one stay may be that nobody told of.
    """
    stays: list[Stay] = []
    open_stay: Stay | None = None
    for moment, kind in _in_order(presences):
        if kind == JOIN:
            # Who is told of again while there has come but once.
            open_stay = open_stay or Stay(moment, moment, told=True)
        elif kind in LEAVE:
            if open_stay is not None:
                stays.append(replace(open_stay, last_at=moment, left_at=moment))
            open_stay = None
        elif open_stay is not None:
            open_stay = replace(open_stay, last_at=moment, messages=open_stay.messages + 1)
        elif stays and stays[-1].left_at == moment:
            # Said in the very moment of leaving.
            stays[-1] = replace(stays[-1], messages=stays[-1].messages + 1)
        elif stays and not stays[-1].told and moment - stays[-1].last_at <= gap:
            stays[-1] = replace(stays[-1], last_at=moment, messages=stays[-1].messages + 1)
        else:
            stays.append(Stay(moment, moment, messages=1))
    return [*stays, open_stay] if open_stay else stays


def _in_order(presences: Iterable[tuple[datetime, str]]) -> list[tuple[datetime, str]]:
    """Sort them by time. In one moment, who is there leaves first, and who is not comes first."""
    by_time: dict[datetime, list[str]] = {}
    for moment, kind in presences:
        by_time.setdefault(moment, []).append(kind)
    ordered: list[tuple[datetime, str]] = []
    is_there = False
    for moment in sorted(by_time):
        kinds = by_time[moment]
        joins, leaves = JOIN in kinds, [kind for kind in kinds if kind in LEAVE][:1]
        said = [kind for kind in kinds if kind == MESSAGE]
        if is_there:
            order = [*said, *leaves, *([JOIN] if joins else [])]
        else:
            order = [*([JOIN] if joins else []), *said, *leaves]
        is_there = joins if is_there and leaves else (is_there or joins) and not leaves
        ordered += [(moment, kind) for kind in order]
    return ordered
