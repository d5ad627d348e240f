"""What the API gives of surveys, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from app.surveys.rows import Counts, Survey
    from models.access import Caller


class SurveyCounts(BaseModel):
    """How much there is of a survey."""

    chat_log: int = Field(description="Messages.")
    responses: int = Field(description="Responses.")


class KnownSurvey(BaseModel):
    """A survey of the one who asks, or shared with them; its versions and translations are one."""

    survey_owner: str = Field(description="The email address of its owner; what an export asks for.")
    survey_name: str = Field(description="What an export asks for.")
    title: str | None = Field(description="Of the newest version.")
    shortcodes: list[str]
    created: datetime = Field(description="When the first version was made.")
    versions: int
    counts: SurveyCounts | None = Field(description="Null where counting takes too long.")
    shared_with: list[str] | None = Field(
        description="The email addresses with which its owner shares it; null if that is not who asks."
    )

    @classmethod
    def of(cls, survey: Survey, counts: Counts | None, caller: Caller) -> Self:
        """Return how the API shows a survey to the caller, who may see it."""
        return cls(
            survey_owner=survey.key.owner,
            survey_name=survey.name,
            title=survey.title,
            shortcodes=list(survey.shortcodes),
            created=survey.created,
            versions=survey.versions,
            counts=SurveyCounts(chat_log=counts.chat_log, responses=counts.responses) if counts else None,
            shared_with=list(survey.shared_with) if survey.is_of(caller) else None,
        )


class SharedWith(BaseModel):
    """That a survey is shared with somebody: they may see and export it."""

    model_config = ConfigDict(from_attributes=True)

    address: str = Field(description="Their email address.")
    shared_by: str = Field(description="Who shared it.")
    shared: datetime = Field(description="When.")
