"""The form by which a rule is changed: what was entered, what is wrong with it, what it says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app.channels.holding import EXEMPTIONS
from app.channels.representations import RuleValues
from app.channels.rows import IGNORED_MAX, RETENTION_MAX_DAYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import FormData

    from app.channels.rows import ChannelConfig

_YES_OR_NO = ("is_enabled", "bots", "keep_raw")
_BOOLEANS = {"yes": True, "no": False}
#: What is said of a value that cannot be.
_WRONG = {
    "sampling_rate": "A number from 0 to 100, or nothing to inherit it.",
    "retention_days": f"A whole number from 1 to {RETENTION_MAX_DAYS:,}, or nothing to inherit it.",
    "ignored_users": f"{IGNORED_MAX:,} ids at most, one a line, each of 512 characters at most.",
    "pre_drop_pipeline_id": "A name of 512 characters at most.",
}


@dataclass(frozen=True, slots=True)
class AskedRule:
    """What was entered.

    Attributes:
        form: each field, as the form shows it again.
        values: by the names of `ChannelConfig`, None to inherit; None as a whole if something is wrong.
        errors: what is wrong, by the name of its field.
    """

    form: Mapping[str, Any]
    values: dict[str, Any] | None
    errors: Mapping[str, str]


def form_of(rule: ChannelConfig | None) -> dict[str, Any]:
    """Return what the form shows of a rule; of none, that all is inherited."""
    said: dict[str, Any] = {} if rule is None else rule.said
    form: dict[str, Any] = {name: _chosen(said.get(name)) for name in _YES_OR_NO}
    rate = said.get("sampling_rate")
    return form | {
        "sampling_rate": "" if rate is None else f"{rate * 100:.6g}",
        "retention_days": "" if said.get("retention_days") is None else str(said["retention_days"]),
        "deletions": said.get("deletions") or "",
        "exempt_own": "" if said.get("exempt") is None else "yes",
        "exempt": list(said.get("exempt") or ()),
        "ignored_own": "" if said.get("ignored_users") is None else "yes",
        "ignored_users": "\n".join(said.get("ignored_users") or ()),
        "pre_drop_pipeline_id": said.get("pre_drop_pipeline_id") or "",
    }


def read_rule(given: FormData) -> AskedRule:
    """Return what a form says; what it has no word of is inherited."""
    texts = {name: str(value).strip() for name, value in given.items()}
    form: dict[str, Any] = {name: texts.get(name, "") for name in form_of(None)}
    form["exempt"] = [one for one in EXEMPTIONS if one in given.getlist("exempt")]
    errors = {}
    values: dict[str, Any] = {name: _BOOLEANS.get(form[name]) for name in _YES_OR_NO}
    values["deletions"] = form["deletions"] or None
    values["pre_drop_pipeline_id"] = form["pre_drop_pipeline_id"] or None
    values["exempt"] = form["exempt"] if form["exempt_own"] == "yes" else None
    ids = list(dict.fromkeys(line.strip() for line in form["ignored_users"].splitlines() if line.strip()))
    values["ignored_users"] = ids if form["ignored_own"] == "yes" else None
    for name, read in (("sampling_rate", _part_of_hundred), ("retention_days", int)):
        try:
            values[name] = read(form[name]) if form[name] else None
        except ValueError:
            values[name] = None
            errors[name] = _WRONG[name]
    try:
        RuleValues(**values)
    except ValidationError as error:
        for found in error.errors():
            name = str(found["loc"][0])
            errors[name] = _WRONG.get(name, "This cannot be.")
    return AskedRule(form, None if errors else values, errors)


def _part_of_hundred(text: str) -> float:
    return float(text.replace(",", ".")) / 100


def _chosen(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"
