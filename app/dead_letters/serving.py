"""What the routes of dead letters work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.dead_letters.service import DeadLetters


async def dead_letters_of(request: Request) -> DeadLetters:
    """Return what `app.site` put there when the application started."""
    letters: DeadLetters = request.app.state.dead_letters
    return letters


#: For signatures of routes.
KeptLetters = Annotated[DeadLetters, Depends(dead_letters_of)]
