"""Which messages a caller may read, and which of them they look for: what every statement on them is given.

Pure. Whether one message may be read, `models.access.may` says; a `Readable` says it of all at once, so that
a statement can keep to it, and a test holds the two together. How a statement does is
`sinks.postgres.reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.access import APP_ENDS, ASSISTANT, DEFAULT_TENANT, THREADS, tenant_of

if TYPE_CHECKING:
    from datetime import datetime

#: Whose messages alone are of surveys.
MESSENGER = "messenger"


@dataclass(frozen=True, slots=True)
class Within:
    """What a caller is narrowed to: messages in any of these.

    Attributes:
        platforms: their names.
        channels: each as `platform/channel`.
        surveyids: the versions of the surveys that the scope names, as UUID text.
        apps: the names of programs that log their assistant; theirs are the sessions whose names begin so.
        learners: whose threads, those of the tenant.
    """

    platforms: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    surveyids: frozenset[str] = frozenset()
    apps: frozenset[str] = frozenset()
    learners: frozenset[str] = frozenset()

    def has_whole(self, platform: str, channel: str, learner: str | None) -> bool:
        """Tell whether all that is said in a place is in it."""
        return (
            platform in self.platforms
            or f"{platform}/{channel}" in self.channels
            or (platform == ASSISTANT and channel.startswith(tuple(f"{app}{APP_ENDS}" for app in self.apps)))
            or (platform == THREADS and learner in self.learners)
        )


@dataclass(frozen=True, slots=True)
class Readable:
    """Which messages a caller may read: of their tenant, within what they are narrowed to.

    Attributes:
        surveyids: only those of these surveys, as UUID text; None for all of the tenant, of a survey or not.
        within: what the caller is narrowed to; None for no such limit.
        tenant: whose messages. All but threads are the default tenant's, and a thread is its channel's.
        learners: besides, those in the threads of these, of whom the caller's scope has each.
    """

    surveyids: frozenset[str] | None = frozenset()
    within: Within | None = None
    tenant: str = DEFAULT_TENANT
    learners: frozenset[str] = frozenset()

    @property
    def is_nothing(self) -> bool:
        """Whether there can be nothing for them, so that no statement has to be asked."""
        return (self.surveyids == frozenset() and not self.learners) or self.within == Within()

    @property
    def is_whole(self) -> bool:
        """Whether of each conversation it is all or nothing."""
        if self.surveyids is None:
            return self.within is None or not self.within.surveyids
        return not self.surveyids

    @property
    def platforms(self) -> frozenset[str] | None:
        """Where there can be something for them; None for anywhere."""
        if self.surveyids is None:
            return None if self.tenant == DEFAULT_TENANT else frozenset({THREADS})
        return frozenset({MESSENGER} if self.surveyids else ()) | ({THREADS} if self.learners else set())

    def has_whole(self, platform: str, channel: str, learner: str | None) -> bool:
        """Tell whether they may read all that is said in a place, so that its figures are theirs to know.

        Args:
            platform: where.
            channel: where on it.
            learner: whose thread it is.
        """
        if tenant_of(platform, channel) != self.tenant:
            return False
        if platform == THREADS and learner in self.learners:
            return True
        return self.surveyids is None and (
            self.within is None or self.within.has_whole(platform, channel, learner)
        )


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
        learner: in whose threads they were written, those of the reader's tenant.
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
    learner: str | None = None
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
