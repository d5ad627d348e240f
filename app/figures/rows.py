"""What figures are made of, as the API gives them and OpenAPI describes them; a table has a row for each."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class Every(StrEnum):
    """What is summed up in one figure."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Split(StrEnum):
    """By what figures are told apart."""

    PLATFORM = "platform"
    CHANNEL = "channel"
    SURVEY = "survey"
    ROLE = "role"


class _OfFigures(BaseModel):
    model_config = ConfigDict(frozen=True)


class Estimated(_OfFigures):
    """How many messages there were, of which only a sample may be stored."""

    messages: int = Field(description="How many are or were stored.")
    estimate: float = Field(description="How many there were: of a sample, about so many.")
    margin: float = Field(description="How far the estimate may be off, either way, at 95 %; 0 is exact.")


class MessagesAt(Estimated):
    """How much was said in an hour, on a day, in a week, in a month."""

    at: datetime | date = Field(description="The hour; or the UTC day, Monday or first on which it begins.")
    key: str | None = Field(description="Of which platform, channel, survey or role; null for all others.")
    name: str | None = Field(description="What that is called.")
    people: int | None = Field(description="How many people spoke; null where that is not counted.")


class ResponsesAt(_OfFigures):
    """How long answers took."""

    at: date = Field(description="The UTC day, Monday or first on which it begins.")
    responses: int = Field(description="How many answers tell how long they took.")
    p50_ms: float = Field(description="Half of them took at most so many milliseconds, within 5 %.")
    p95_ms: float = Field(description="And 95 %.")


class AtHour(Estimated):
    """How much was said in one hour of one day of the week."""

    weekday: int = Field(ge=1, le=7, description="1 is Monday.")
    hour: int = Field(ge=0, le=23, description="In the zone that was asked for.")


class TextSaid(_OfFigures):
    """Something that many say."""

    text: str = Field(description="As most of them write it.")
    times: int = Field(description="How often it was said, but for case, punctuation, spaces and numbers.")
    people: int = Field(description="By how many.")


class SessionsOn(_OfFigures):
    """Sessions on a platform."""

    platform: str
    sessions: int
    people: int = Field(description="Whose they are, as far as that is known.")
    returned: int = Field(description="How many of them had a second one in this time.")
    p50_s: float = Field(description="Half of the sessions lasted at most so many seconds.")
    p95_s: float = Field(description="And 95 %.")
    messages: float = Field(description="In a session, on average.")


class QuestionMet(_OfFigures):
    """A question of a survey."""

    form: str | None = Field(description="The shortcode of its form.")
    question: str
    people: int = Field(description="How many met it.")
    answered: int = Field(description="How many of them answered.")
    asked: int = Field(description="How often it was asked.")
    repeated: int = Field(description="How many were asked more than once.")
    ended: int = Field(description="For how many it was the last of the survey, so far.")
    dropped: int = Field(description="How many of those did not answer.")


class PersonActive(Estimated):
    """How much somebody said."""

    platform: str
    person: str = Field(description="The platform's id of them.")
    name: str | None
    average_length: float = Field(description="Of a message, in characters.")
    last_at: datetime


class CohortOf(_OfFigures):
    """Those who first spoke in a week."""

    first_week: date = Field(description="Its Monday.")
    people: int
    returned: list[int] = Field(description="How many spoke in the first, second … week after it.")


class CurvePoint(_OfFigures):
    """How many came back so many weeks after they first spoke."""

    weeks: int
    people: int = Field(description="Those whose first week is so long ago.")
    returned: int = Field(description="How many of them spoke in that week.")


class LiveMinute(_OfFigures):
    """What was stored in a minute."""

    minute: datetime
    messages: int


class LiveNow(_OfFigures):
    """What happens now, as far as the workers told in the last half minute."""

    at: datetime
    minutes: list[LiveMinute] = Field(description="The last that are over, the oldest first.")
    per_minute: float = Field(description="Messages a minute, over the last five that are over.")
    people: int = Field(description="Who spoke in the last five minutes.")
    p50_ms: float | None = Field(description="Of answers in the last five minutes, within 5 %.")
    p95_ms: float | None
    workers: int = Field(description="How many workers told it.")
    notes: list[str] = Field(description="What is not exact about it.")


Row = TypeVar("Row", bound=BaseModel)


class Figures(BaseModel, Generic[Row]):
    """Figures of a time."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    items: list[Row]
    notes: list[str] = Field(description="What is estimated, missing, or counted otherwise than it seems.")


class Retention(BaseModel):
    """Who came back."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime
    curve: list[CurvePoint]
    items: list[CohortOf]
    notes: list[str]
