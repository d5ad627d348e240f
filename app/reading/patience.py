"""How long somebody is looked for something that few messages have, before they are told to ask for less."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from models.errors import ChatlogError, MustAct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: How long may be looked in all. Most takes some milliseconds.
LOOK_WITHIN_S = 8.0


class TookTooLong(ChatlogError):
    """What was asked for was given up, so that it holds up nobody else.

    Args:
        what: was given up.
        within_s: after so long.
        advice: what to ask for instead.
    """

    must_act = MustAct.CALLER

    def __init__(self, what: str, within_s: float, advice: str) -> None:
        super().__init__(f"This {what} took longer than {within_s:g} s and was given up: {advice}.")


@asynccontextmanager
async def given_up_within(seconds: float, what: str, advice: str) -> AsyncIterator[None]:
    """Give what is done inside so long.

    Raises:
        TookTooLong: it takes longer.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise TookTooLong(what, seconds, advice) from None
        raise
