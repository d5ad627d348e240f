"""Whom the sample conversations belong to: owners, their pages and surveys, and the answers people gave.

surveys.toml says why each is as it is; responses.jsonl holds the answers as the bots would have stored them.
This module only reads.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models import JSON


@dataclass(frozen=True, slots=True)
class Form:
    """One row of `surveys`."""

    id: str
    shortcode: str
    title: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Survey:
    """What an owner calls a survey: its forms, in their versions and translations."""

    name: str
    forms: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of an owner."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody who may see the surveys that they own, and no others."""

    id: str
    email: str
    pages: tuple[Page, ...]
    surveys: tuple[Survey, ...]


@dataclass(frozen=True, slots=True)
class Response:
    """One row of `responses`: what the bot took as the answer to a question."""

    parent_shortcode: str
    surveyid: str
    shortcode: str
    flowid: int
    userid: str
    question_ref: str
    question_idx: int
    question_text: str
    response: str
    seed: int
    timestamp: datetime
    metadata: JSON
    pageid: str
    translated_response: str | None


@cache
def owners() -> tuple[Owner, ...]:
    """Return every owner. The first has most of the conversations."""
    text = (files(__package__) / "surveys.toml").read_text("utf-8")
    return tuple(_owner(about) for about in tomllib.loads(text)["owner"])


@cache
def responses() -> tuple[Response, ...]:
    """Return every answer, in the order of their times."""
    lines = (files(__package__) / "responses.jsonl").read_text("utf-8").split("\n")
    return tuple(_response(json.loads(line)) for line in lines if line)


def _owner(about: dict[str, Any]) -> Owner:
    return Owner(
        id=about["id"],
        email=about["email"],
        pages=tuple(Page(**page) for page in about["pages"]),
        surveys=tuple(
            Survey(survey["name"], tuple(Form(**form) for form in survey["forms"]))
            for survey in about["survey"]
        ),
    )


def _response(line: dict[str, Any]) -> Response:
    milliseconds = line["timestamp"]
    return Response(**line | {"timestamp": datetime.fromtimestamp(milliseconds / 1000, UTC)})
