"""The questions of a survey's responses, form by form, and what their columns of a wide file are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.exports import Source
from sinks.exports.columns import unique
from sinks.exports.rows import Arguments, rows_of
from sinks.exports.scope import ExportImpossible

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from models.exports import ExportOptions
    from sinks.exports.scope import Scope

#: PostgreSQL allows 1,664 columns in a result.
WIDE_MAX_QUESTIONS = 1_600

# The form that was answered first is first; in each, questions are in the order that the form has them in.
_QUESTIONS = """SELECT
    shortcode AS form, question_ref AS ref, min(question_idx) AS idx, max(question_text) AS text
FROM ({rows}) AS answer
WHERE question_ref IS NOT NULL
GROUP BY shortcode, question_ref
ORDER BY
    min(min(timestamp)) OVER (PARTITION BY shortcode), shortcode,
    min(question_idx) NULLS LAST, question_ref"""


#: No answer is among it.
_NEEDED = "shortcode, question_ref, question_idx, question_text, timestamp, userid"


class TooManyQuestions(ExportImpossible):
    """A wide file would have more columns than PostgreSQL can write."""


class Question(NamedTuple):
    """A question that was answered.

    Attributes:
        form: the shortcode of its form.
        ref: what the form calls it.
        idx: its place in the form.
        text: as it was asked.
    """

    form: str | None
    ref: str
    idx: int | None
    text: str | None

    @property
    def key(self) -> str:
        """What tells it from all others, as `KEY` says it of an answer."""
        return f"{self.form or ''}\x01{self.ref}"


#: `Question.key` of a row of responses, as SQL.
KEY = "(coalesce(shortcode, '') || chr(1) || question_ref)"


async def questions_of(
    connection: asyncpg.Connection[asyncpg.Record], scope: Scope, options: ExportOptions
) -> list[Question]:
    """Return the questions that were answered, in the order of a wide file's columns."""
    arguments = Arguments()
    sql = _QUESTIONS.format(rows=rows_of(scope, Source.RESPONSES, options, arguments, columns=_NEEDED))
    return [Question(*row) for row in await connection.fetch(sql, *arguments.all())]


def check_fits_wide(questions: Sequence[Question]) -> None:
    """Make sure that a wide file can have so many columns.

    Raises:
        TooManyQuestions: it cannot.
    """
    if len(questions) > WIDE_MAX_QUESTIONS:
        raise TooManyQuestions(
            f"The answers are to {len(questions):,} questions, and a wide file can have "
            f"{WIDE_MAX_QUESTIONS:,}: export them with one row per response, or a shorter time"
        )


def wide_names(questions: Sequence[Question]) -> list[str]:
    """Return the columns of a wide file: `userid`, then each question; `form.question` if there are forms."""
    has_forms = len({question.form for question in questions}) > 1
    return unique(
        [
            "userid",
            *(
                f"{question.form}.{question.ref}" if has_forms and question.form else question.ref
                for question in questions
            ),
        ]
    )
