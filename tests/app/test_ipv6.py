"""IPv6 wherever something listens or is reached: workers, the API, the image's probe, and what they need."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import pytest
from pydantic import SecretStr

from app.healthcheck import main as probe
from app.local.embedded import free_port
from app.settings import Role
from app.web.connections import listen
from app.web.public_address import address_of
from models.hosts import with_port
from tests.services import changed, eventually, storage_overrides
from tests.site.served import served
from tests.workers import prepare, workers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from app.settings import Settings
    from sinks.storage.bucket import BucketSettings

pytestmark = pytest.mark.usefixtures("_has_ipv6")


@pytest.fixture(scope="module")
def _has_ipv6() -> None:
    with closing(socket.socket(socket.AF_INET6)) as tried:
        tried.bind(("::1", 0))


@asynccontextmanager
async def by_ipv6(host: str, port: int) -> AsyncIterator[int]:
    """Have a service that listens by IPv4 answer at a port of ::1 too; give it."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    port_of_ours = free_port()
    async with await asyncio.start_server(pass_on, "::1", port_of_ours):
        yield port_of_ours


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def everything(settings: Callable[..., Settings], storage: BucketSettings) -> AsyncIterator[Settings]:
    """Settings that name Kafka, PostgreSQL and the storage by IPv6 addresses."""
    made = settings(**storage_overrides(storage), api_jwt_secret="s" * 32)
    await prepare(made)
    async with AsyncExitStack() as stack:

        async def moved(netloc: str) -> str:
            user, at, server = netloc.rpartition("@")
            host, _, port = server.rpartition(":")
            return f"{user}{at}[::1]:{await stack.enter_async_context(by_ipv6(host, int(port)))}"

        async def moved_url(url: str) -> str:
            parts = urlsplit(url)
            return urlunsplit(parts._replace(netloc=await moved(parts.netloc)))

        yield changed(
            made,
            database_url=SecretStr(await moved_url(made.database.require_url())),
            kafka_bootstrap_servers=(await moved(made.kafka.require_servers()[0]),),
            storage_endpoint=await moved_url(str(made.storage.endpoint)),
        )


async def _live(host: str, port: int) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"http://{with_port(host, port)}/health/live") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False


@pytest.mark.parametrize(
    ("role", "host", "token", "answers"),
    [(Role.CAPTURE, "::1", "", ["::1"]), (Role.EXPORT, "::", "t", ["::1", "127.0.0.1"])],
)
async def test_a_worker_listens_and_finds_its_services_by_ipv6(
    everything: Settings,
    tmp_path: Path,
    host: str,
    token: str,
    answers: list[str],
    role: Role,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with workers_of(everything, tmp_path / "workers") as workers:
        worker = workers.start(role, extra={"WEB_HOST": host, "WEB_TOKEN": token})
        await eventually(lambda: _live("::1", worker.web_port))
        assert all([await _live(address, worker.web_port) for address in answers])
        monkeypatch.setenv("WEB_HOST", host)
        monkeypatch.setenv("WEB_PORT", str(worker.web_port))
        assert await asyncio.to_thread(probe) == 0
        log = worker.said
        # Not in this thread, whose loop passes on what the worker still has to say to Kafka.
        assert await asyncio.to_thread(worker.stop) == 0

    assert "Look inside at http://[" in log


@pytest.mark.parametrize(
    ("host", "answers"), [("::1", ["::1"]), ("[::1]", ["::1"]), ("::", ["::1", "127.0.0.1"])]
)
async def test_the_api_listens_and_finds_its_services_by_ipv6(
    everything: Settings, tmp_path: Path, host: str, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    public = "http://chat.example" if host == "::" else ""
    async with served(everything, tmp_path, at=answers[0], API_HOST=host, API_PUBLIC_URL=public) as api:
        assert all([await _live(address, api.port) for address in answers])
        monkeypatch.setenv("WEB_PORT", str(free_port()))
        monkeypatch.setenv("API_HOST", host)
        monkeypatch.setenv("API_PORT", str(api.port))
        assert await asyncio.to_thread(probe) == 0
        await eventually(lambda: _ready(api.port))

    assert public or f"http://[::1]:{api.port}/docs" in api.said


async def _ready(port: int) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"http://[::1]:{port}/health/ready") as answer:
        told = await answer.json()
        return bool(told["database"] == told["kafka"] == "up")


def test_links_have_brackets_around_an_ipv6_address(settings: Callable[..., Settings]) -> None:
    assert address_of(settings(api_host="::1", api_port=9000).api) == "http://[::1]:9000"


def test_a_name_is_listened_to_at_each_of_its_addresses() -> None:
    port = free_port()
    listening = listen("localhost", port)
    try:
        assert {one.getsockname()[0] for one in listening} <= {"127.0.0.1", "::1"}
        with pytest.raises(OSError, match="in use"):
            listen("localhost", port)
    finally:
        for one in listening:
            one.close()
