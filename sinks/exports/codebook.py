"""The codebook of a survey: what each column of its files means, and each question, form by form.

Questions are those that were answered, and those of `surveys.form`, where that is to be had; in others'
installations the column may be missing, or not ours to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from models.exports import ExportOptions
from models.forms import fields_of
from sinks.exports.columns import CHAT_LOG, CODEBOOK, RESPONSES
from sinks.exports.query import query_for
from sinks.exports.questions import Question, questions_of, wide_names
from sinks.sql import statements

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from models.forms import FormField
    from sinks.exports.columns import Column
    from sinks.exports.lines import Query
    from sinks.exports.scope import Scope

    Connection = asyncpg.Connection[asyncpg.Record]

#: A row of the codebook: its cells, in the order of the columns.
Entry: TypeAlias = tuple[str | int | None, ...]

_SQL = statements("export_data")
_HAS_FORMS = _SQL.export_may_read_forms
_FORMS = _SQL.export_forms

_ROWS = """SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
    $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]
) WITH ORDINALITY AS entry (
    file, "column", form, question_ref, question_idx, type, text, choices, meaning, unit, number
)"""
_MOMENT = "UTC; ISO 8601 to the millisecond in text files"
#: What the columns mean, in both files but for what one of them says otherwise; and in what unit.
_MEANINGS = {
    "userid": ("The person, by the platform's id. Text: do not read it as a number.", ""),
    "pageid": ("The page or channel of the bot.", ""),
    "timestamp": ("When it was said, as the platform tells; of a response, when it was taken.", _MOMENT),
    "direction": ("Who spoke: `user` the person, `bot` the bot.", ""),
    "content": ("What was said. Empty text is a message without text; nothing is no text at all.", ""),
    "question_ref": ("The question that was asked or answered, as its form calls it.", ""),
    "shortcode": ("The form that the person was in.", ""),
    "surveyid": ("The version or translation of the survey.", "UUID"),
    "message_type": ("What kind of message, in the words of the platform or the bot.", ""),
    "metadata": ("What the bot knew about the person then. Only if it was asked for.", "JSON"),
    "raw_payload": ("The platform's whole event. Only if it was asked for.", "JSON"),
    "parent_shortcode": ("The form by which the person came into the survey.", ""),
    "flowid": ("The run of the flow that the answer is of.", ""),
    "question_idx": ("The place of the question in its form.", "counted from 0"),
    "question_text": ("The question as it was asked.", ""),
    "response": ("The answer, as the person gave it.", ""),
    "seed": ("The person's random number, by which bots make groups.", ""),
    "translated_response": ("The answer in the language of the survey's owner, where it was translated.", ""),
}
_ANSWER = "The newest answer of each person to this question; empty: none."


async def codebook_query(connection: Connection, scope: Scope, options: ExportOptions) -> Query:
    """Return what to COPY: a row a column of the chat log and of both files of responses."""
    everything = ExportOptions()
    answered = await questions_of(connection, scope, everything)
    forms = await _forms(connection, scope)
    asked = _with_unanswered(answered, forms)
    entries = [
        *_of_table("chat_log", CHAT_LOG.columns),
        *_of_table("responses", RESPONSES.columns),
        *_of_wide(answered, asked, forms),
    ]
    arguments = [list(column) for column in zip(*entries, strict=True)]
    return query_for(CODEBOOK, _ROWS, arguments, options)


async def codebook_rows(connection: Connection, scope: Scope) -> int:
    """Return how many rows a survey's codebook has."""
    answered = await questions_of(connection, scope, ExportOptions())
    asked = _with_unanswered(answered, await _forms(connection, scope))
    return len(CHAT_LOG.columns) + len(RESPONSES.columns) + 1 + len(asked)


async def _forms(connection: Connection, scope: Scope) -> dict[tuple[str, str], tuple[int, FormField]]:
    """Return what forms say of each question, by form and question; of versions, the newest counts."""
    if not await connection.fetchval(_HAS_FORMS):
        return {}
    found = await connection.fetch(_FORMS, list(scope.surveyids))
    return {
        (row["shortcode"], field.ref): (place, field)
        for row in found
        for place, field in enumerate(fields_of(row["form"]))
    }


def _with_unanswered(
    answered: Sequence[Question], forms: dict[tuple[str, str], tuple[int, FormField]]
) -> list[Question]:
    known = {(question.form, question.ref) for question in answered}
    unanswered = [
        Question(form, ref, place, None)
        for (form, ref), (place, _) in forms.items()
        if (form, ref) not in known
    ]
    return [*answered, *unanswered]


def _of_table(file: str, columns: Sequence[Column]) -> list[Entry]:
    return [
        (file, column.name, None, None, None, None, None, None, *_MEANINGS[column.name]) for column in columns
    ]


def _of_wide(
    answered: Sequence[Question],
    asked: Sequence[Question],
    forms: dict[tuple[str, str], tuple[int, FormField]],
) -> list[Entry]:
    file = "responses, wide"
    names = dict(zip((question.key for question in answered), wide_names(answered)[1:], strict=True))
    entries: list[Entry] = [(file, "userid", None, None, None, None, None, None, *_MEANINGS["userid"])]
    for question in asked:
        _, field = forms.get((question.form or "", question.ref), (0, None))
        entries.append(
            (
                file,
                names.get(question.key, ""),
                question.form,
                question.ref,
                question.idx,
                field.type if field else None,
                (field.title if field and field.title else question.text),
                "; ".join(field.choices) if field and field.choices else None,
                _ANSWER if question.key in names else "Asked by the form, and answered by nobody: no column.",
                "",
            )
        )
    return entries
