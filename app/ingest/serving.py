"""What the routes of events work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.ingest.service import Ingest


async def ingest_of(request: Request) -> Ingest:
    """Return what `app.site` put there when the application started."""
    ingest: Ingest = request.app.state.ingest
    return ingest


#: For signatures of routes.
Ingesting = Annotated[Ingest, Depends(ingest_of)]
