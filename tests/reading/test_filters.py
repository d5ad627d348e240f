"""What a request looks for is understood, and can be asked for again; what means nothing is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.reading.filters import Filters, query_of
from app.reading.moments import FIRST, LAST
from app.web.error_handlers import answer_errors
from models.reading import EVERYTHING, MessageFilter

LAGOS_24 = datetime(2026, 11, 23, 23, tzinfo=UTC)
UTC_24 = datetime(2026, 11, 24, tzinfo=UTC)


async def asked(**query: str) -> tuple[MessageFilter | None, httpx.Response]:
    """Return what a route that looks for messages is given, and the answer."""
    app, given = FastAPI(), []
    answer_errors(app)

    @app.get("/")
    async def look(wanted: Filters) -> dict[str, str]:
        given.append(wanted)
        return query_of(wanted)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        answer = await client.get("/", params=query)
    return (given[0] if given else None), answer


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, EVERYTHING),
        ({"platform": "", "since": "", "tz": ""}, EVERYTHING),
        ({"type": "sticker", "role": "user"}, MessageFilter(message_type="sticker", role="user")),
        ({"survey": "A / B", "survey_owner": "a@b.c"}, MessageFilter(survey="A / B", survey_owner="a@b.c")),
        ({"since": "2026-11-24"}, MessageFilter(since=UTC_24)),
        ({"since": "2026-11-24", "tz": "Africa/Lagos"}, MessageFilter(since=LAGOS_24)),
        ({"since": "2026-11-24T00:00", "tz": "Africa/Lagos"}, MessageFilter(since=LAGOS_24)),
        ({"until": "2026-11-24T01:00:00+01:00", "tz": "Asia/Tokyo"}, MessageFilter(until=UTC_24)),
        ({"until": "2026-11-24T00:00:00Z"}, MessageFilter(until=UTC_24)),
        ({"since": "0001-01-01", "until": "9999-12-31T23:59:59Z"}, MessageFilter(since=FIRST, until=LAST)),
    ],
)
async def test_what_is_looked_for_is_understood_and_can_be_asked_for_again(
    query: dict[str, str], wanted: MessageFilter
) -> None:
    given, answer = await asked(**query)
    again, _ = await asked(**answer.json())
    assert (given, again) == (wanted, wanted)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"since": "yesterday"}, "query.since"),
        ({"since": "2026-02-30"}, "query.since"),
        ({"until": "0001-01-01", "tz": "Asia/Tokyo"}, "query.until"),
        ({"since": "2026-11-24", "until": "2026-11-24"}, "query.until"),
        ({"tz": "Mars/Olympus"}, "query.tz"),
        ({"tz": "../../etc/passwd"}, "query.tz"),
        ({"tz": "localtime"}, "query.tz"),
        ({"tz": "right/UTC"}, "query.tz"),
        ({"person": "a\0b"}, "query.person"),
        ({"channel": "x" * 600}, "query.channel"),
    ],
)
async def test_what_means_nothing_is_refused_by_its_name(query: dict[str, Any], field: str) -> None:
    given, answer = await asked(**query)
    assert given is None
    assert answer.status_code == 422
    assert [mistake["field"] for mistake in answer.json()["errors"]] == [field]
