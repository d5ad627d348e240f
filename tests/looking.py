"""Looks inside running workers, as a person, a probe or Prometheus does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

from tests.services import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

    from tests.workers import WorkerProcess

#: A question that is not answered within this is not answered at all.
ANSWER_S = 30
LABELS = {
    "topic",
    "partition",
    "reason",
    "category",
    "part",
    "le",
    "role",
    "group",
    "version",
    "platform",
    "kind",
}
LABELS_OF_THE_API = {"method", "route", "status", "le", "entrance", "platform", "reason", "kind", "by"}


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
        ClientSession(timeout=ClientTimeout(ANSWER_S)) as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as response,
    ):
        return Answer(response.status, await response.text(), response.headers)


async def ready(worker: WorkerProcess) -> None:
    """Return when the worker is ready."""
    await eventually(lambda: health(worker, "ready", 200), what=f"{worker.log.name} ready")


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
    """Return every sample of a worker, as `samples_of` does."""
    return samples_of((await get(worker, "/metrics", **headers)).text)


def samples_of(exposed: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return every sample by its name and its labels, once it is sure that they follow the conventions.

    Counters end in _total, units are base units, labels are few and bounded, and every figure is explained.
    """
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(exposed):
        assert family.documentation, family.name
        for sample in family.samples:
            if sample.name.startswith("chatlog_"):
                allowed = LABELS_OF_THE_API if sample.name.startswith("chatlog_api_") else LABELS
                assert sample.labels.keys() <= allowed, sample
                assert sample.name.endswith("_total") == (family.type == "counter"), sample
                assert not re.search(r"_(ms|milliseconds|minutes|kb|mb)(_|$)", sample.name), sample
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found
