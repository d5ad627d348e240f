"""The progress of an export as it comes over a real connection, and the end of such connections."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx

from app.commands.api import END_REQUESTS_S
from app.exports.events import STOP_WITHIN_S
from tests.services import eventually
from tests.site.owners import ANA, BEN, add_export, bearer, update_export
from tests.site.served import ANSWER_S, served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from uuid import UUID

    from app.settings import Settings

#: What containers are given between SIGTERM and SIGKILL.
KILLED_AFTER_S = 10.0


async def events(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Read a stream of events, as a browser does: fields, and an empty line at the end of each."""
    event: dict[str, Any] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line.startswith(":"):
            # A comment, which keeps the connection alive.
            continue
        if line:
            event[name] = value
        elif event:
            yield event | {"data": json.loads(event["data"])}
            event = {}


def path_of(export: UUID) -> str:
    return f"/exports/{export}/events"


async def test_the_progress_of_an_export_is_told_until_it_is_over(system: Settings, tmp_path: Path) -> None:
    export = await add_export(system, ANA)
    async with (
        served(system, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, headers=bearer(system), timeout=ANSWER_S) as client,
        client.stream("GET", path_of(export)) as response,
    ):
        stream = events(response)
        first = await anext(stream)
        await update_export(system, export, status="Querying", rows_estimate=40)
        second = await anext(stream)
        await update_export(system, export, status="Writing", rows_done=10, bytes_done=1000)
        third = await anext(stream)
        await update_export(system, export, status="Failed", reason="The storage refused")
        rest = [event async for event in stream]
        again = await client.get(path_of(export), headers={"Last-Event-ID": rest[-1]["id"]})

    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert (first["event"], first["data"]["status"]) == ("progress", "Started")
    assert (second["data"]["status"], second["data"]["rows_estimate"]) == ("Querying", 40)
    assert (third["data"]["rows_done"], third["data"]["bytes_done"]) == (10, 1000)
    assert [(event["data"]["status"], event["data"]["reason"]) for event in rest] == [
        ("Failed", "The storage refused")
    ]
    assert again.status_code == 204, "or a browser would connect again and again"


async def test_changes_in_quick_succession_are_told_at_most_once_a_second(
    system: Settings, tmp_path: Path
) -> None:
    export = await add_export(system, ANA, status="Writing")
    async with (
        served(system, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, headers=bearer(system), timeout=ANSWER_S) as client,
    ):
        # Before the first event can be told.
        began = time.monotonic()
        async with client.stream("GET", path_of(export)) as response:
            for rows in range(1, 101):
                await update_export(system, export, rows_done=rows)
            await update_export(system, export, status="Finished")
            told = [event async for event in events(response)]
        took = time.monotonic() - began

    assert told[-1]["data"]["status"] == "Finished"
    assert told[-1]["data"]["rows_done"] == 100
    assert len(told) <= took + 2


async def test_what_follows_an_export_of_another_is_not_found(system: Settings, tmp_path: Path) -> None:
    export = await add_export(system, BEN)
    async with (
        served(system, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, timeout=ANSWER_S) as client,
    ):
        answer = await client.get(path_of(export), headers=bearer(system, ANA))
        nobody = await client.get(path_of(export))

    assert answer.status_code == 404
    assert nobody.status_code == 401


async def test_a_stop_ends_open_streams_and_the_process_in_order(system: Settings, tmp_path: Path) -> None:
    export = await add_export(system, ANA)
    async with (
        served(system, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, headers=bearer(system), timeout=ANSWER_S) as client,
        client.stream("GET", path_of(export)) as response,
    ):
        stream = events(response)
        await anext(stream)
        api.signal(signal.SIGTERM)
        rest = [event async for event in stream]
        status = await asyncio.to_thread(api.ended, ANSWER_S)

    assert rest == []
    assert status == 0, api.said
    assert "Traceback" not in api.said


def test_a_stop_cuts_off_streams_and_then_the_rest_before_anyone_kills() -> None:
    assert STOP_WITHIN_S < END_REQUESTS_S < KILLED_AFTER_S


async def test_a_client_that_goes_leaves_nothing_behind(system: Settings, tmp_path: Path) -> None:
    export = await add_export(system, ANA)
    async with (
        served(system, tmp_path) as api,
        httpx.AsyncClient(base_url=api.url, headers=bearer(system), timeout=ANSWER_S) as client,
    ):
        for _ in range(20):
            async with client.stream("GET", path_of(export)) as response:
                await anext(events(response))

        async def none_is_open() -> bool:
            return "chatlog_api_event_streams 0.0" in (await client.get("/metrics")).text

        await eventually(none_is_open)
