"""Figures, for those who may see them.

Each method asks what its caller may see, and keeps to it. What words or people it shows is asked for by an
action of its own, and noted by the route.
"""

from __future__ import annotations

from app.figures.live import LiveFigures
from app.figures.said import SaidFigures
from app.figures.sums import SumFigures


class FiguresService(SumFigures, SaidFigures, LiveFigures):
    """Finds figures."""
