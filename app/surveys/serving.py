"""What the routes of surveys work with, and how a route gets at it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from app.surveys.answers import Answers
from app.surveys.service import Surveys


async def surveys_of(request: Request) -> Surveys:
    """Return what `app.site` put there when the application started."""
    surveys: Surveys = request.app.state.surveys
    return surveys


#: For signatures of routes.
KnownSurveys = Annotated[Surveys, Depends(surveys_of)]


async def answers_of(request: Request) -> Answers:
    """Return what `app.site` put there when the application started."""
    answers: Answers = request.app.state.answers
    return answers


KnownAnswers = Annotated[Answers, Depends(answers_of)]
