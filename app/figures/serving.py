"""What the routes of figures work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.figures.service import FiguresService


async def figures_of(request: Request) -> FiguresService:
    """Return what `app.site` put there when the application started."""
    figures: FiguresService = request.app.state.figures
    return figures


#: For signatures of routes.
KnownFigures = Annotated[FiguresService, Depends(figures_of)]
