"""Files of messages: who may ask for them, and whether they may still have them.

What somebody may read is `sinks.postgres.reading`'s matter; a row keeps as whom they asked, so that whoever
makes the file finds out once more what that is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.access import NotAllowed
from app.exports.rows import ExportRow, kept_options
from app.postgres.answers import answer_within
from app.surveys.service import NoSuchSurvey
from models.access import Action, Reach, widest_reach
from models.exports import AskedAs, Source
from sinks.postgres.reading import reading_of
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from models.access import Caller
    from models.exports import ExportOptions

_SQL = statements("exports")
_NOTHING = "There are no messages that you may export: you have no survey, nor a role that reads all."


class MessageExports:
    """Asks for files of messages.

    Whatever is asked raises ServiceDown while the database is down, and CannotGoOn where it refuses.

    Args:
        pool: connections that may read and write export_status.
        on_request: called when a row waits for its job to be sent; returns at once.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], on_request: Callable[[], None]) -> None:
        self._pool = pool
        self._on_request = on_request

    async def request(
        self, caller: Caller, options: ExportOptions, *, unless_within: timedelta = timedelta(0)
    ) -> ExportRow | None:
        """Ask for a file of the messages that `options` looks for, of all that the caller may export.

        Args:
            caller: who asks; what they may read now is the most that the file will hold.
            options: which messages, and how they are written.
            unless_within: the very same asked for again so soon is not asked for.

        Returns:
            Its row, which is committed; None if the same was asked for before.

        Raises:
            NotAllowed: there are none that they may export.
            NoSuchSurvey: they look for those of a survey that they do not have.
            CannotSearch: nobody can look for these words.
        """
        asked_as = await self.asking_as(caller, options)
        asked = (caller.email, Source.MESSAGES.value, kept_options(options), asked_as.model_dump_json())
        async with answer_within(), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SQL.queue_requests, caller.email, "", "")
            record = await connection.fetchrow(_SQL.insert_messages_export, *asked, unless_within)
        if record is None:
            return None
        self._on_request()
        return ExportRow.of(record)

    async def asking_as(self, caller: Caller, options: ExportOptions) -> AskedAs:
        """Return as whom the caller asks for messages, with the surveys of others that these may be of.

        Raises:
            NotAllowed, NoSuchSurvey, CannotSearch: as of `request`.
        """
        wanted = options.wanted
        options.parse_words()
        async with answer_within():
            reading = await reading_of(self._pool, caller, Action.EXPORT_MESSAGES)
        if reading.readable.is_nothing:
            raise NotAllowed(
                "There are no messages that you may export: you have no survey, nor a role for it."
            )
        if wanted.survey is not None and not reading.ids_of(wanted.survey, wanted.survey_owner):
            raise NoSuchSurvey
        if reading.readable.surveyids is None:
            return AskedAs.of(caller)
        theirs = {(survey.owner, survey.name) for survey in reading.surveys if survey.owner != caller.email}
        if wanted.survey is not None:
            theirs = {(owner, name) for owner, name in theirs if name == wanted.survey}
        return AskedAs.of(caller, frozenset(theirs))

    async def check_still_may(self, caller: Caller, user: str, asked_as: AskedAs) -> None:
        """Make sure that the caller may still have what `user`, who they are, asked for.

        Raises:
            NotAllowed: a share or a role was taken back since.
        """
        now = widest_reach(caller, Action.EXPORT_MESSAGES)
        if now is Reach.TENANT:
            return
        if widest_reach(asked_as.caller(user), Action.EXPORT_MESSAGES) is Reach.TENANT:
            raise NotAllowed("It holds what you may no longer read: your role is another now.")
        async with answer_within():
            reading = await reading_of(self._pool, caller, Action.EXPORT_MESSAGES)
        shared = {(survey.owner, survey.name) for survey in reading.surveys}
        if not shared.issuperset(asked_as.shared):
            raise NotAllowed("It holds what is shared with you no longer: ask for it again.")
