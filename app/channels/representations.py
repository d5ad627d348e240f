"""What the API gives and takes of rules, as OpenAPI describes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from app.channels.rows import IGNORED_MAX, RETENTION_MAX_DAYS, ChannelConfig, ConfigVersion
from models.fields import INDEXED_MAX_BYTES

#: A platform's id of a person.
PersonId = Annotated[str, Field(min_length=1, max_length=INDEXED_MAX_BYTES, pattern=r"^[^\x00]+$")]


def _not_too_many(ids: list[str]) -> list[str]:
    # Not by the schema: so long a list may be more than a body may hold, which is answered otherwise.
    if len(ids) > IGNORED_MAX:
        raise ValueError(f"{IGNORED_MAX:,} ids at most")
    return ids


Exemption = Literal["moderator", "mention", "reply", "first"]


class RuleValues(BaseModel):
    """What is recorded of a channel. Null is inherited: from the platform's rule, then from that for all."""

    model_config = ConfigDict(extra="forbid")

    is_enabled: StrictBool | None = Field(default=None, description="Whether anything is recorded.")
    retention_days: int | None = Field(
        default=None,
        ge=1,
        le=RETENTION_MAX_DAYS,
        description="For how many days messages are to be kept. Noted; nothing is deleted by it.",
    )
    sampling_rate: float | None = Field(
        default=None, ge=0, le=1, description="Which part of the messages is stored: 0.1 for every tenth."
    )
    pre_drop_pipeline_id: str | None = Field(
        default=None,
        max_length=INDEXED_MAX_BYTES,
        pattern=r"^[^\x00]*$",
        description="What is to run before messages are dropped. Noted; nothing runs.",
    )
    deletions: Literal["keep", "hide", "blank"] | None = Field(
        default=None,
        description="What becomes of a text that is deleted: kept and marked, kept and hidden, or emptied.",
    )
    ignored_users: Annotated[list[PersonId], AfterValidator(_not_too_many)] | None = Field(
        default=None,
        description=f"The platform's ids of whom nothing is recorded, {IGNORED_MAX:,} at most.",
    )
    bots: StrictBool | None = Field(default=None, description="Whether what bots say is recorded.")
    exempt: list[Exemption] | None = Field(
        default=None,
        max_length=4,
        description="Stored whatever the rate: a moderator's, with a mention, a reply, somebody's first.",
    )
    keep_raw: StrictBool | None = Field(
        default=None, description="Whether raw events are stored with messages."
    )


class KnownRule(RuleValues):
    """The rule of a channel."""

    model_config = ConfigDict(from_attributes=True)

    platform: str = Field(description="Whose channel; * for the rule for all.")
    channel: str = Field(description="The platform's id of it; * for the platform's rule.")

    @classmethod
    def of(cls, rule: ChannelConfig) -> Self:
        """Return how the API shows a rule."""
        return cls.model_validate(rule)


class RuleVersion(KnownRule):
    """What the rule of a channel was from a time on."""

    valid_from: datetime = Field(description="From when on; a change holds 10 s after it was made.")
    is_deleted: bool = Field(description="Whether there was none from then on.")
    changed_by: str | None = Field(
        description="Who changed it: an address, or a user of the database; null where that was not kept."
    )

    @classmethod
    def of_version(cls, version: ConfigVersion) -> Self:
        """Return how the API shows a version."""
        known = KnownRule.of(version.config).model_dump()
        return cls(
            valid_from=version.valid_from,
            is_deleted=version.is_deleted,
            changed_by=version.changed_by,
            **known,
        )
