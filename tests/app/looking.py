"""Looks inside running workers, as a person, a probe or Prometheus does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

    from tests.workers import WorkerProcess

START_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    text: str
    headers: CIMultiDictProxy[str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


async def get(worker: WorkerProcess, path: str, **headers: str) -> Answer:
    return await get_from(worker.web_port, path, headers)


async def get_from(port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    async with (
        ClientSession(timeout=ClientTimeout(10)) as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return Answer(response.status, await response.text(), response.headers)


async def ready(worker: WorkerProcess) -> None:
    """Return when the worker is ready."""
    await eventually(lambda: health(worker, "ready", 200), START_TIMEOUT_S, f"{worker.log.name} ready")


async def health(worker: WorkerProcess, which: str, status: int) -> bool:
    """Tell whether /health/... answers so."""
    assert worker.running
    try:
        answer = await get(worker, f"/health/{which}")
    except ClientConnectionError:
        return False
    assert answer.status == status, answer.text
    return True


async def metrics(
    worker: WorkerProcess, **headers: str
) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return every sample by its name and its labels."""
    answer = await get(worker, "/metrics", **headers)
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, family.name
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found
