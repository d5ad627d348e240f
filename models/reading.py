"""Which messages a caller may read, and which of them they look for: what every statement on them is given.

Pure. Whether one message may be read, `models.access.may` says; a `Readable` says it of all at once, so that
a statement can keep to it, and a test holds the two together. How a statement does is
`sinks.postgres.reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Within:
    """What a caller is narrowed to: messages in any of these.

    Attributes:
        platforms: their names.
        channels: each as `platform/channel`.
        surveyids: the versions of the surveys that the scope names, as UUID text.
        apps: the names of programs that log their assistant; theirs are the sessions whose names begin so.
    """

    platforms: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    surveyids: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Readable:
    """Which messages a caller may read.

    Attributes:
        surveyids: only those of these surveys, as UUID text; None for all of the tenant, of a survey or not.
        within: what the caller is narrowed to; None for no such limit.
    """

    surveyids: frozenset[str] | None = frozenset()
    within: Within | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is kept from them."""
        return self.surveyids is None and self.within is None

    @property
    def is_nothing(self) -> bool:
        """Whether there can be nothing for them, so that no statement has to be asked."""
        return self.surveyids == frozenset() or self.within == Within()


#: Of who may read none.
NOTHING = Readable()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages are looked for: those to which all that is given applies. Nothing given is all.

    Attributes:
        platform: where they were said.
        channel: the place on it.
        survey: the name of the survey they are of.
        survey_owner: the address of whose survey it is; None for any of that name.
        person: the platform's id of who they are from or, in a dialogue with a bot, with.
        question: the survey question that was asked or answered (`question_ref`).
        message_type: in the platform's words.
        role: who spoke.
        since: not said before this.
        until: said before this.
    """

    platform: str | None = None
    channel: str | None = None
    survey: str | None = None
    survey_owner: str | None = None
    person: str | None = None
    question: str | None = None
    message_type: str | None = None
    role: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether all messages are looked for."""
        return self == EVERYTHING


EVERYTHING = MessageFilter()
