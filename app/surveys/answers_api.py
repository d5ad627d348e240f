"""The route of answers: what people answered in a survey."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from app.access import Asks, access_log_of
from app.reading.filters import Filters, query_of
from app.surveys.answers import AnswerFilter, PersonsAnswer, is_place
from app.surveys.rows import SurveyKey
from app.surveys.serving import KnownAnswers
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(prefix="/v1/responses", tags=["surveys"], responses=responses(401, 403, 404, 422, 503))

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]


class GivenAnswer(BaseModel):
    """An answer to a question of a survey."""

    model_config = ConfigDict(from_attributes=True)

    person: str = Field(validation_alias="userid", description="The platform's id of who gave it.")
    timestamp: datetime
    question: str = Field(validation_alias="question_ref")
    question_idx: int | None = Field(description="Its place in its form.")
    question_text: str | None
    response: str | None
    translated_response: str | None
    shortcode: str | None = Field(description="Of its form.")

    @classmethod
    def of(cls, answer: PersonsAnswer) -> Self:
        """Return how the API shows an answer."""
        return cls.model_validate(answer)


class GivenAnswers(BaseModel):
    """A part of the answers, the newest first."""

    items: list[GivenAnswer]
    next: str | None = Field(description="The `cursor` of the next part; null if this is the last one.")


@router.get("")
async def list_responses(
    request: Request,
    response: Response,
    caller: AsksToRead,
    answers: KnownAnswers,
    wanted: Filters,
    limit: Annotated[int, Query(ge=1, le=200, description="How many at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=4000, description="`next` of the part before.")] = None,
) -> GivenAnswers:
    """Return what people answered in a survey, the newest first.

    Of the filters, `survey` has to be given; its owner, `person`, `question`, `since` and `until` may be.
    """
    if wanted.survey is None:
        raise _unusable("survey", "of which survey? Give its name")
    if cursor is not None and not is_place(cursor):
        raise _unusable("cursor", "not what a part before has as `next`")
    key = SurveyKey.of(wanted.survey_owner or caller.email, wanted.survey)
    await access_log_of(request).note(caller, Action.READ_MESSAGES, request, {"responses": query_of(wanted)})
    sought = AnswerFilter(wanted.question, wanted.person, wanted.since, wanted.until)
    found = await answers.page(caller, key, sought, limit=limit + 1, after=cursor)
    following = found[limit - 1].place if len(found) > limit else None
    if following:
        address = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{address.path}?{address.query}>; rel="next"'
    return GivenAnswers(items=[GivenAnswer.of(one) for one in found[:limit]], next=following)


def _unusable(name: str, message: str) -> RequestValidationError:
    return RequestValidationError([{"type": "value_error", "loc": ("query", name), "msg": message}])
