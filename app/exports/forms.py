"""Reads the form by which an export is asked for: what is wrong is told field by field. Pure.

A preset says how the file is written; whatever is chosen under "More" goes before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from pydantic import ValidationError

from app.surveys.rows import SurveyKey
from models.days import begin_of, zone_named
from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Rows, Source, WantedMessages
from models.search import CannotSearch, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import StrEnum

#: By which fields messages are looked for.
FOUND_BY = ("q", "platform", "channel", "person", "role", "question", "message_type", "conversation")
#: What the form shows at first. Empty is: as the preset has it.
DEFAULTS = {
    "what": Source.RESPONSES.value,
    "survey": "",
    "preset": "excel",
    "since": "",
    "through": "",
    "tz": "UTC",
    "direction": "",
    "layout": "",
    "rows": Rows.MESSAGE.value,
    "format": "",
    "compression": Compression.NONE.value,
    "metadata": "",
    "raw_payload": "",
    "safe_cells": "",
    "for_spreadsheets": "",
    **dict.fromkeys(FOUND_BY, ""),
}
#: What can be asked for here.
OFFERED = tuple(source for source in Source if source is not Source.LEARNER)
_HAS_RAW_PAYLOAD = frozenset({Source.CHAT_LOG, Source.MESSAGES})
_HAS_METADATA = frozenset({Source.CHAT_LOG, Source.MESSAGES, Source.RESPONSES})
_COMPRESSED = frozenset({Format.PARQUET, Format.XLSX})
_NO_TEXT = "This is too long, or holds what no text here can hold."
_NO_ID = "This is not the id of a conversation."


@dataclass(frozen=True, slots=True)
class Preset:
    """How a file is written for those who open it with something.

    Attributes:
        key: in the form.
        label: as people know it.
        hint: what it means.
        format: of the file.
        is_everything: whether metadata and raw payloads are in it.
    """

    key: str
    label: str
    hint: str
    format: Format
    is_everything: bool = False


PRESETS = (
    Preset("excel", "Excel", "A workbook: text stays text, times are times, nothing runs.", Format.XLSX),
    Preset("r", "R, pandas, Stata", "Plain CSV, every value as it is; no metadata.", Format.CSV),
    Preset(
        "everything",
        "Everything",
        "Parquet, with metadata and raw events. May disclose what else is known of people.",
        Format.PARQUET,
        is_everything=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a form asks for.

    Attributes:
        source: what.
        options: which of it, and how it is written.
        survey: of which survey; None for messages.
    """

    source: Source
    options: ExportOptions
    survey: SurveyKey | None = None


@dataclass(frozen=True, slots=True)
class AskedForm:
    """What a form says.

    Attributes:
        form: every field as it was sent, to be shown again.
        wish: what is asked for; None if something is wrong.
        errors: what is wrong, by field.
    """

    form: Mapping[str, str]
    wish: Wish | None
    errors: Mapping[str, str] = field(default_factory=dict)


def survey_value(key: SurveyKey) -> str:
    """Return how the form names a survey; one of any owner has no owner's address."""
    return urlencode({"owner": key.owner, "name": key.name})


def survey_of(value: str) -> SurveyKey | None:
    """Return the survey that a form names; None for none."""
    named = parse_qs(value, keep_blank_values=True)
    owner, name = named.get("owner", [None])[0], named.get("name", [""])[0]
    return SurveyKey.of(owner, name) if owner is not None and name else None


def as_text(sent: Mapping[str, Any]) -> dict[str, str]:
    """Return every field of a form once; what is missing is as at first."""
    texts = {name: value for name, value in sent.items() if isinstance(value, str)}
    # A form may say of itself that it is written in whatever: letters that no page can show again become `?`.
    return {
        name: texts.get(name, default).encode(errors="replace").decode().strip()
        for name, default in DEFAULTS.items()
    }


def read_form(sent: Mapping[str, Any]) -> AskedForm:
    """Read the form.

    What means nothing for what is asked for, or for the format, is left out: it is out of sight on the page.
    """
    form = as_text(sent)
    errors: dict[str, str] = {}
    source = _one_of(form, "what", OFFERED, errors) or Source.RESPONSES
    preset = next((preset for preset in PRESETS if preset.key == form["preset"]), PRESETS[0])
    survey = survey_of(form["survey"])
    if source.is_of_a_survey and not (survey and survey.owner):
        errors["survey"] = "Choose a survey."
    values = _dates(form, errors) if source is not Source.CODEBOOK else {}
    values |= _written(form, source, preset, errors)
    if source is Source.CHAT_LOG and form["direction"]:
        values["direction"] = _one_of(form, "direction", Direction, errors)
    if source is Source.RESPONSES:
        values["wide"] = form["layout"] == "wide"
    if source is Source.MESSAGES:
        values["rows"] = _one_of(form, "rows", Rows, errors)
        values["filter"] = _filter(form, survey, errors)
    if values.get("wide") or values.get("rows") is Rows.CONVERSATION:
        values |= {"include_metadata": False, "include_raw_payload": False}
    if errors:
        return AskedForm(form, None, errors)
    options = ExportOptions(**values)
    options.check_fits(source)
    return AskedForm(form, Wish(source, options, survey if source.is_of_a_survey else None))


def _written(
    form: Mapping[str, str], source: Source, preset: Preset, errors: dict[str, str]
) -> dict[str, Any]:
    """Return how the file is to be written."""
    format_ = _one_of(form, "format", Format, errors) if form["format"] else preset.format
    values: dict[str, Any] = {"format": format_}
    if format_ not in _COMPRESSED:
        values["compression"] = _one_of(form, "compression", Compression, errors)
    if source in _HAS_METADATA:
        values["include_metadata"] = _is_on(form, "metadata", preset.is_everything)
    if source in _HAS_RAW_PAYLOAD:
        values["include_raw_payload"] = _is_on(form, "raw_payload", preset.is_everything)
    if format_ is Format.CSV:
        # A CSV file for Excel is opened by Excel.
        is_for_excel = preset.format is Format.XLSX
        values["safe_cells"] = _is_on(form, "safe_cells", is_for_excel)
        values["for_spreadsheets"] = _is_on(form, "for_spreadsheets", is_for_excel)
    return values


def _filter(
    form: Mapping[str, str], survey: SurveyKey | None, errors: dict[str, str]
) -> WantedMessages | None:
    given: dict[str, str] = {name: form[name] for name in FOUND_BY if form[name]}
    if survey is not None:
        given |= {"survey": survey.name} | ({"survey_owner": survey.owner} if survey.owner else {})
    try:
        if "q" in given:
            parse(given["q"])
        return WantedMessages.model_validate(given) if given else None
    except CannotSearch as error:
        errors["q"] = str(error)
        return None
    except ValidationError as error:
        for problem in error.errors():
            is_id = problem["type"].startswith("uuid")
            errors[str(problem["loc"][0])] = _NO_ID if is_id else _NO_TEXT
        return None


def _dates(form: Mapping[str, str], errors: dict[str, str]) -> dict[str, Any]:
    try:
        zone = zone_named(form["tz"] or "UTC")
    except ValueError:
        errors["tz"] = "There is no such time zone. Write it as Africa/Lagos, or UTC."
        return {}
    found: dict[str, Any] = {"tz": zone.key}
    for name, option, days_later in (("since", "since", 0), ("through", "until", 1)):
        if not form[name]:
            continue
        try:
            found[option] = begin_of(form[name], zone, days_later=days_later)
        except ValueError:
            errors[name] = "This is not a date. Write it as year-month-day, such as 2026-11-03."
    if "since" in found and "until" in found and found["until"] <= found["since"]:
        errors["through"] = "The last day is before the first day."
    return found


def _is_on(form: Mapping[str, str], name: str, by_preset: bool) -> bool:
    return {"yes": True, "no": False}.get(form[name], by_preset)


def _one_of(form: Mapping[str, str], name: str, choices: Iterable[StrEnum], errors: dict[str, str]) -> Any:
    try:
        return next(choice for choice in choices if choice.value == form[name])
    except StopIteration:
        errors[name] = f"Choose one: {', '.join(choices)}."
        return None
