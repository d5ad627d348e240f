"""What the routes of conversations work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.conversations.accesses import Accesses
from app.conversations.live import LiveTalks
from app.conversations.service import Conversations


async def conversations_of(request: Request) -> Conversations:
    """Return what `app.site` put there when the application started."""
    conversations: Conversations = request.app.state.conversations
    return conversations


async def live_talks_of(request: Request) -> LiveTalks:
    """Return what `app.site` put there when the application started."""
    live: LiveTalks = request.app.state.live_talks
    return live


async def accesses_of(request: Request) -> Accesses:
    """Return what `app.site` put there when the application started."""
    accesses: Accesses = request.app.state.accesses
    return accesses


#: For signatures of routes.
Live = Annotated[LiveTalks, Depends(live_talks_of)]
Noted = Annotated[Accesses, Depends(accesses_of)]
Said = Annotated[Conversations, Depends(conversations_of)]
