"""Whoever looks again and again goes on, whatever one look raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from app.looking import Looker

if TYPE_CHECKING:
    import pytest


class Failing(Looker):
    """Fails when it first looks."""

    def __init__(self) -> None:
        super().__init__("what there is", 0.0)
        self.looks = 0
        self.looked_again = asyncio.Event()

    async def look(self) -> None:
        self.looks += 1
        if self.looks == 1:
            raise ValueError("a bug")
        self.looked_again.set()


async def test_a_look_that_fails_is_told_with_its_traceback_and_is_not_the_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Failing() as looker, asyncio.timeout(5):
        await looker.looked_again.wait()
    [record] = caplog.records
    assert (record.levelname, record.__dict__["of"]) == ("ERROR", "what there is")
    assert "a bug" in (record.exc_text or "")
