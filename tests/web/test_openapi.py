"""The OpenAPI document, and whether the application does what it says, asked by schemathesis."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from models.access import Caller, CallerRole
from tests.site.owners import ANA, add_export, add_surveys, bearer, execute
from tests.site.served import served
from tests.web import lines_of_json
from tests.workers import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from app.settings import Settings

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
#: With these, webhooks are there.
SECRETS = {
    "META_VERIFY_TOKEN": "a verify token",
    "META_APP_SECRET": "an app's secret",
    "TWITCH_EVENTSUB_SECRET": "a subscription's secret",
}
#: Teaches schemathesis what it does not know.
SERIALIZERS = {"SCHEMATHESIS_HOOKS": lines_of_json.__name__, "PYTHONPATH": str(Path(__file__).parents[2])}
#: The tags of what needs no caller: it is the same for all, or proves itself.
OPEN = {"operation", "webhooks"}
#: For each operation and way of making them up.
EXAMPLES = 15


async def test_every_operation_is_described(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]

    assert {name for name, _ in operations} == {
        "POST /exports",
        "POST /exports/estimate",
        "POST /exports/messages",
        "POST /exports/messages/estimate",
        "GET /exports/status",
        "GET /exports/status/survey",
        "GET /exports/{export_id}",
        "DELETE /exports/{export_id}",
        "POST /exports/{export_id}/retry",
        "GET /exports/{export_id}/download",
        "GET /exports/{export_id}/events",
        "GET /surveys",
        "GET /surveys/shares",
        "PUT /surveys/shares",
        "DELETE /surveys/shares",
        "GET /v1/waiting",
        "GET /v1/waiting/unanswered",
        "GET /v1/conversations",
        "GET /v1/conversations/{conversation_id}",
        "GET /v1/conversations/{conversation_id}/messages",
        "GET /v1/conversations/{conversation_id}/events",
        "GET /v1/conversations/{conversation_id}/repeats",
        "GET /v1/conversations/{conversation_id}/transcript",
        "GET /v1/messages/{message_id}",
        "GET /v1/people/{platform}/{person}",
        "GET /v1/access-log",
        "GET /v1/messages/search",
        "GET /v1/messages/random",
        "GET /v1/search/languages",
        "PUT /v1/search/languages",
        "DELETE /v1/search/languages",
        "GET /v1/channels",
        "GET /v1/channels/rule",
        "PATCH /v1/channels/rule",
        "DELETE /v1/channels/rule",
        "GET /v1/channels/versions",
        "GET /v1/opt-outs",
        "PUT /v1/opt-outs",
        "DELETE /v1/opt-outs",
        "GET /v1/responses",
        "GET /v1/dead-letters",
        "DELETE /v1/dead-letters",
        "GET /v1/dead-letters/counts",
        "GET /v1/dead-letters/{letter}",
        "POST /v1/dead-letters/replays",
        "GET /v1/dead-letters/replays/{replay}",
        "DELETE /v1/dead-letters/replays/{replay}",
        "GET /v1/figures/messages",
        "GET /v1/figures/responses",
        "GET /v1/figures/weekdays",
        "GET /v1/figures/retention",
        "GET /v1/figures/sessions",
        "GET /v1/figures/questions",
        "GET /v1/figures/live",
        "GET /v1/figures/texts",
        "GET /v1/figures/activity",
        "POST /v1/events/{platform}",
        "POST /v1/sessions",
        "POST /v1/traces",
        "POST /v1/turns",
        "GET /v1/sessions",
        "POST /v1/sessions/{session_id}/turns",
        "POST /v1/sessions/{session_id}/turns/{turn_id}/feedback",
        "GET /v1/sessions/{session_id}/history",
        "GET /v1/sessions/{session_id}/stats",
        "GET /webhooks/meta",
        "POST /webhooks/meta",
        "POST /webhooks/twitch",
        "GET /v1/system",
        "GET /api/v1/threads",
        "POST /api/v1/threads",
        "GET /api/v1/threads/{thread_id}",
        "PUT /api/v1/threads/{thread_id}",
        "DELETE /api/v1/threads/{thread_id}",
        "GET /api/v1/threads/{thread_id}/messages",
        "POST /api/v1/threads/{thread_id}/messages",
        "GET /api/v1/threads/{thread_id}/messages/{message_id}",
        "PUT /api/v1/threads/{thread_id}/messages/{message_id}",
        "DELETE /api/v1/threads/{thread_id}/messages/{message_id}",
        "GET /api/v1/threads/{thread_id}/events",
        "POST /api/v1/privacy/export",
        "POST /api/v1/privacy/delete",
        "GET /api/v1/privacy",
        "GET /api/v1/privacy/{request_id}",
        "GET /api/v1/privacy/{request_id}/download",
        "GET /",
        "GET /health",
        "GET /health/live",
        "GET /health/ready",
    }
    for name, operation in operations:
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}, name
        if operation["tags"][0] not in OPEN:
            assert operation["security"] == [{"bearer": []}, {"session": []}], name
            assert "application/problem+json" in operation["responses"]["401"]["content"], name
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["session"]["in"] == "cookie"


@pytest.mark.timeout(600)
async def test_the_application_does_what_its_document_says(
    api_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    # As much as schemathesis likes.
    system = api_settings(
        platforms="twitch,assistant", rate_limit_threads_caller=None, rate_limit_threads_address=None
    )
    await prepare(system)
    await add_surveys(system)
    await add_export(system, ANA, status="Failed")
    caller = Caller(ANA, roles=frozenset({CallerRole.OWNER, CallerRole.SERVICE}))
    async with served(system, tmp_path, open_files=None, **SECRETS) as api:
        command = [
            str(SCHEMATHESIS),
            "run",
            f"{api.url}/openapi.json",
            *("--header", f"Authorization: {bearer(system, caller)['Authorization']}"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES)),
            *("--request-timeout", "60"),
            "--generation-deterministic",
            # Of this machine, not of the application.
            *("--suppress-health-check", "too_slow"),
            # What options may not go together is no schema's to say; test_exports asserts it.
            *("--exclude-checks", "positive_data_acceptance"),
            "--no-color",
        ]
        asking = asyncio.create_task(
            asyncio.to_thread(
                subprocess.run,
                command,
                cwd=tmp_path,
                env=os.environ | SERIALIZERS,
                capture_output=True,
                text=True,
            )
        )
        while not asking.done():
            # The worker of these exports, or streams of their events would not end.
            await execute(system, "UPDATE export_status SET status = 'Finished' WHERE status = 'Started'")
            await asyncio.wait([asking], timeout=0.5)
        found = await asking

    assert found.returncode == 0, found.stdout + api.said
    assert "Tested: 89" in found.stdout
