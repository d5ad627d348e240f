"""What the routes of conversations work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.access import AccessLog, access_log_of
from app.conversations.service import Conversations


def conversations_of(request: Request) -> Conversations:
    """Return what `app.site` put there when the application started."""
    conversations: Conversations = request.app.state.conversations
    return conversations


#: For signatures of routes.
Said = Annotated[Conversations, Depends(conversations_of)]
Noting = Annotated[AccessLog, Depends(access_log_of)]
