"""The options of `chatlog export`, and what they mean together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from app.dead_letters.filters import MomentType
from models.days import is_day
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Rows, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from enum import StrEnum

#: What others call an option that has another name here.
NAMES_HERE = {
    "include_metadata": "--metadata",
    "include_raw_payload": "--raw-payload",
    "include_unsent": "--unsent",
    "compression": "--gzip",
    "direction": "--direction",
    "wide": "--wide",
    "safe_cells": "--safe-cells",
    "for_spreadsheets": "--for-spreadsheets",
    "filter": "--platform and its like",
    "rows": "--rows",
}
#: By what messages are looked for: the options, and how the filter names them.
FOUND_BY = {
    "words": "q",
    "platform": "platform",
    "channel": "channel",
    "person": "person",
    "role": "role",
    "question": "question",
    "type": "message_type",
    "conversation": "conversation",
}


class DayOrMoment(click.ParamType):
    """A day, which is of the zone `--tz`; or a time as elsewhere."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | datetime:
        """Return a day as it is written, or the time with its zone."""
        return value if is_day(value) else MomentType().convert(value, param, ctx)


def _values(choices: Iterable[StrEnum]) -> click.Choice[str]:
    return click.Choice([choice.value for choice in choices])


_OPTIONS = (
    click.argument("survey", required=False),
    click.option("--owner", metavar="EMAIL", help="Whose survey it is."),
    click.option("--messages", is_flag=True, help="Messages of any platform instead, by the filters below."),
    click.option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where to write it; - for standard output. [default: named after what is in it, here]",
    ),
    click.option("--force", is_flag=True, help="Replace FILE if it is there."),
    click.option(
        "--source",
        type=click.Choice([source.value for source in Source if source.is_of_a_survey]),
        help="What of the survey. [default: chat_log]",
    ),
    click.option(
        "--format",
        "format_",
        type=_values(Format),
        default=Format.CSV.value,
        show_default=True,
        help="How to write it.",
    ),
    click.option("--gzip", is_flag=True, help="Compress the file."),
    click.option("--metadata", is_flag=True, help="What was known at each message or response, as JSON."),
    click.option("--raw-payload", is_flag=True, help="The platform's event of each message, as JSON."),
    click.option("--unsent", is_flag=True, help="Chat log: messages too that people took back afterwards."),
    click.option(
        "--since",
        type=DayOrMoment(),
        help="Nothing from before: 2026-05-31, 2026-05-31T12:00Z, 90m, 12h, 7d.",
    ),
    click.option(
        "--until", type=DayOrMoment(), help="Nothing from then on; of a day, from its beginning on."
    ),
    click.option(
        "--tz", default="UTC", show_default=True, metavar="ZONE", help="In which days begin: Africa/Lagos."
    ),
    click.option(
        "--direction", type=_values(Direction), help="Chat log: only what the bot said, or the users."
    ),
    click.option(
        "--wide", is_flag=True, help="Responses: a row a person, a column a question, form by form."
    ),
    click.option("--safe-cells", is_flag=True, help="CSV: a ' before what a spreadsheet would run."),
    click.option(
        "--for-spreadsheets", is_flag=True, help="CSV: a byte-order mark, and every text stays text."
    ),
    click.option("--rows", type=_values(Rows), help="Messages: a row a message, or a row a conversation."),
    click.option(
        "--words", metavar="WORDS", help='Messages: what is said, as in a search: refund -"no refund".'
    ),
    click.option("--platform", metavar="NAME", help="Messages: where they were said: twitch, messenger."),
    click.option("--channel", metavar="ID", help="Messages: the platform's id of the room, the page."),
    click.option("--person", metavar="ID", help="Messages: the platform's id of who they are from or with."),
    click.option("--role", metavar="ROLE", help="Messages: who spoke: user, assistant, bot, system, tool."),
    click.option("--question", metavar="REF", help="Messages: the question that was asked or answered."),
    click.option("--conversation", type=click.UUID, metavar="ID", help="Messages: in which conversation."),
    click.option("--type", metavar="KIND", help="Messages: what kind, in the platform's words."),
)


def export_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the argument and the options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def source_of(survey: str | None, owner: str | None, source: str | None, *, messages: bool) -> Source:
    """Return what is exported.

    Raises:
        click.UsageError: a part is missing, or contradicts another.
    """
    if messages:
        if source is not None:
            raise click.UsageError("--source is of a survey, and --messages of whatever the filters find.")
        return Source.MESSAGES
    if survey is None:
        raise click.UsageError("Name a SURVEY and its --owner, or --messages and what to look for.")
    if owner is None:
        raise click.UsageError("Missing option '--owner': two owners may have surveys of one name.")
    return Source(source) if source else Source.CHAT_LOG


def options_of(
    source: Source, survey: str | None, owner: str | None, chosen: dict[str, Any]
) -> ExportOptions:
    """Return what was chosen.

    Raises:
        click.UsageError: it does not agree, or not with what is exported.
    """
    found = {name: chosen[option] for option, name in FOUND_BY.items() if chosen[option]}
    if source is Source.MESSAGES:
        found |= {"survey": survey} if survey else {}
        found |= {"survey_owner": owner} if owner else {}
    try:
        options = ExportOptions.model_validate(
            {
                "include_metadata": chosen["metadata"],
                "include_raw_payload": chosen["raw_payload"],
                "include_unsent": chosen["unsent"],
                "since": chosen["since"],
                "until": chosen["until"],
                "tz": chosen["tz"],
                "direction": chosen["direction"],
                "wide": chosen["wide"],
                "filter": found or None,
                "rows": chosen["rows"] or Rows.MESSAGE,
                "format": chosen["format_"],
                "compression": Compression.GZIP if chosen["gzip"] else Compression.NONE,
                "safe_cells": chosen["safe_cells"],
                "for_spreadsheets": chosen["for_spreadsheets"],
            }
        )
        options.check_fits(source)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise click.UsageError(_with_names_of_here(problem.removeprefix("Value error, "))) from None
    except ValueError as error:
        raise click.UsageError(_with_names_of_here(str(error))) from None
    return options


def _with_names_of_here(problem: str) -> str:
    return re.sub(rf"\b({'|'.join(NAMES_HERE)})\b", lambda found: NAMES_HERE[found[0]], problem)
