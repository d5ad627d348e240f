"""How many rows a file would have, and about how large it would be, before it is asked for.

Rows are counted as the export agent would read them, for as long as somebody waits; then PostgreSQL guesses.
The size is what rows like them take: of messages a few are looked at, of responses nobody looks at one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from app.exports.representations import ExpectedFile
from app.postgres.answers import answer_within
from app.surveys.service import NoSuchSurvey
from models.access import Action
from models.exports import Compression, Format, Source
from sinks.exports.stream import NoSurveyToExport, NotShared, WantedExport, rows_expected

if TYPE_CHECKING:
    import asyncpg

    from app.exports.messages import MessageExports
    from app.surveys.rows import SurveyKey
    from app.surveys.service import Surveys
    from models.access import Caller
    from models.exports import ExportOptions

#: How long rows are counted while somebody looks at a form.
COUNT_WITHIN_S = 1.5
#: What a row takes in CSV, in bytes, without and with what is asked for besides: as in files of samples.
_ROW_BYTES = {
    Source.CHAT_LOG: 210,
    Source.RESPONSES: 230,
    Source.MESSAGES: 330,
    Source.CODEBOOK: 180,
    Source.LEARNER: 330,
}
_METADATA_BYTES, _RAW_PAYLOAD_BYTES = 180, 620
#: How much of that is left of a file in another format.
_SHARES = {Format.CSV: 1.0, Format.JSONL: 1.6, Format.XLSX: 0.4, Format.PARQUET: 0.25}
_GZIP_SHARE = 0.15


class Estimates:
    """Says what files would be.

    Args:
        pool: connections that may read what exports count.
        surveys: what can be exported.
        messages: knows as whom messages are asked for.
    """

    def __init__(
        self, pool: asyncpg.Pool[asyncpg.Record], surveys: Surveys, messages: MessageExports
    ) -> None:
        self._pool = pool
        self._surveys = surveys
        self._messages = messages

    async def of_survey(
        self, caller: Caller, key: SurveyKey, source: Source, options: ExportOptions
    ) -> ExpectedFile:
        """Return what a file of a survey would be.

        Raises:
            NoSuchSurvey: there is none that the caller may export.
        """
        await self._surveys.get(caller, key, Action.EXPORT_SURVEY)
        return await self._expect(WantedExport(*key, source, options, asked_by=caller.email))

    async def of_messages(self, caller: Caller, options: ExportOptions) -> ExpectedFile:
        """Return what a file of messages would be.

        Raises:
            NotAllowed, NoSuchSurvey, CannotSearch: as of `MessageExports.request`.
        """
        asked_as = await self._messages.asking_as(caller, options)
        return await self._expect(WantedExport(caller.email, "", Source.MESSAGES, options, asked_as=asked_as))

    async def _expect(self, wanted: WantedExport) -> ExpectedFile:
        try:
            async with answer_within(), self._pool.acquire() as connection:
                given = cast("asyncpg.Connection[asyncpg.Record]", connection)
                expected = await rows_expected(given, wanted, COUNT_WITHIN_S)
        except (NoSurveyToExport, NotShared):
            raise NoSuchSurvey from None
        return ExpectedFile(
            rows=expected.rows,
            is_exact=expected.is_exact,
            bytes=size_of(wanted.source, wanted.options, expected.rows),
        )


def size_of(source: Source, options: ExportOptions, rows: int) -> int:
    """Return about how large a file of so many rows is."""
    of_a_row = _ROW_BYTES[source]
    if options.include_metadata:
        of_a_row += _METADATA_BYTES
    if options.include_raw_payload:
        of_a_row += _RAW_PAYLOAD_BYTES
    share = _SHARES[options.format] * (_GZIP_SHARE if options.compression is Compression.GZIP else 1.0)
    return round(rows * of_a_row * share)
