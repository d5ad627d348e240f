"""Reads the forms by which an export is asked for: what is wrong is told field by field. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from models.entries import Direction
from models.exports import Compression, ExportOptions, Format, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

#: What the forms show at first; switches are "on" or empty. Cells are safe, since spreadsheets open them.
DEFAULTS = {
    "include_metadata": "",
    "include_raw_payload": "",
    "since": "",
    "through": "",
    "direction": "",
    "layout": "long",
    "format": Format.CSV.value,
    "compression": Compression.NONE.value,
    "safe_cells": "on",
    "for_spreadsheets": "",
}
_SWITCHES = ("include_metadata", "include_raw_payload", "safe_cells", "for_spreadsheets")
_LAYOUTS = {"long": False, "wide": True}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form says.

    Attributes:
        form: every field as it was sent, to be shown again.
        options: what is asked for; None if something is wrong.
        errors: what is wrong, by field.
    """

    form: Mapping[str, str]
    options: ExportOptions | None
    errors: Mapping[str, str] = field(default_factory=dict)


def read_form(source: Source, sent: Mapping[str, Any]) -> Asked:
    """Read a form for `source`.

    What means nothing for the chosen format or layout is left out, as it is out of sight on the page.

    Args:
        source: what is exported.
        sent: the fields; a switch that is off is not among them.
    """
    form = _as_text(sent)
    errors: dict[str, str] = {}
    since = _day(form, "since", errors)
    through = _day(form, "through", errors)
    if since and through and through < since:
        errors["through"] = "The last day is before the first day."
    values: dict[str, Any] = {
        "since": _midnight(since),
        "until": _midnight(through, days_later=1),
        "format": _one_of(form, "format", Format, errors),
        "compression": _one_of(form, "compression", Compression, errors),
    }
    values["include_metadata"] = bool(form["include_metadata"])
    if source is Source.CHAT_LOG:
        values["include_raw_payload"] = bool(form["include_raw_payload"])
        values["direction"] = _one_of(form, "direction", Direction, errors) if form["direction"] else None
    else:
        if form["layout"] not in _LAYOUTS:
            errors["layout"] = "Choose one of the layouts."
        values["wide"] = _LAYOUTS.get(form["layout"], False)
        values["include_metadata"] &= not values["wide"]
    if values["format"] is Format.CSV:
        values["safe_cells"] = bool(form["safe_cells"])
        values["for_spreadsheets"] = bool(form["for_spreadsheets"])
    if values["format"] is Format.PARQUET:
        values["compression"] = Compression.NONE
    return Asked(form, None if errors else ExportOptions(**values), errors)


def defaults_of(source: Source) -> ExportOptions:
    """Return what a form asks for that nobody has changed."""
    asked = read_form(source, DEFAULTS)
    if asked.options is None:
        raise AssertionError("the defaults are a form without mistakes")
    return asked.options


def _as_text(sent: Mapping[str, Any]) -> dict[str, str]:
    """Return every field once; what is missing is as at first, but for switches: those are off."""
    absent = DEFAULTS | dict.fromkeys(_SWITCHES, "")
    texts = {name: value for name, value in sent.items() if isinstance(value, str)}
    # A form may say of itself that it is written in whatever: letters that no page can show again become `?`.
    return {name: texts.get(name, absent[name]).encode(errors="replace").decode() for name in DEFAULTS}


def _day(form: Mapping[str, str], name: str, errors: dict[str, str]) -> date | None:
    text = form[name].strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        # The day after the last one has to exist, too.
        _midnight(day, days_later=1)
    except (ValueError, OverflowError):
        errors[name] = "This is not a date. Write it as year-month-day, such as 2026-11-03."
        return None
    return day


def _midnight(day: date | None, days_later: int = 0) -> datetime | None:
    return datetime.combine(day + timedelta(days_later), time(), UTC) if day else None


def _one_of(form: Mapping[str, str], name: str, choices: type[StrEnum], errors: dict[str, str]) -> Any:
    try:
        return choices(form[name])
    except ValueError:
        errors[name] = f"Choose one: {', '.join(choices)}."
        return None
