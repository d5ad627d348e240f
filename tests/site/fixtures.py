"""The real application on real services, with two owners whose surveys have names in common."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from app.postgres.connections import connect
from app.settings import Settings
from app.site import create_app
from app.surveys import service as surveys
from sinks.storage.bucket import BucketSettings
from tests.services import storage_overrides
from tests.site.owners import add_surveys
from tests.site.talks import Writer
from tests.site.visitor import Visitor
from tests.workers import prepare

SECRET = "a secret of at least thirty-two characters"
#: What httpx calls the server; as a browser on this machine would.
BASE_URL = "http://localhost:8000"

Serve = Callable[[Settings], AbstractAsyncContextManager[httpx.AsyncClient]]


#: What a directory has by `from tests.site.fixtures import *` in its conftest.
__all__ = [
    "_counts_take_their_time",
    "ana",
    "api_settings",
    "client",
    "said_settings",
    "storing_system",
    "system",
    "visitor",
    "write",
]


@pytest.fixture
def api_settings(settings: Callable[..., Settings]) -> Callable[..., Settings]:
    """Builds settings with which the API starts, on a bucket that is not there."""

    def build(**overrides: object) -> Settings:
        values: dict[str, object] = {
            "api_jwt_secret": SECRET,
            "storage_bucket": "exports-of-tests",
            "storage_endpoint": "http://127.0.0.1:9",
            "storage_access_key": "someone",
            "storage_secret_key": "something",
        }
        return settings(**(values | overrides))

    return build


@pytest.fixture
async def system(api_settings: Callable[..., Settings]) -> Settings:
    """Settings of a system with schema, topics and two owners; nothing is stored."""
    made = api_settings()
    await prepare(made)
    await add_surveys(made)
    return made


@pytest.fixture
async def storing_system(api_settings: Callable[..., Settings], storage: BucketSettings) -> Settings:
    """The same with a bucket of its own."""
    made = api_settings(**storage_overrides(storage))
    await prepare(made)
    await add_surveys(made)
    return made


@pytest.fixture
async def said_settings(settings: Callable[..., Settings]) -> Settings:
    """Settings of a database with two owners and their surveys; Kafka has no topics."""
    made = settings()
    await add_surveys(made)
    return made


@pytest.fixture
async def write(said_settings: Settings) -> AsyncIterator[Writer]:
    """Writes messages into it."""
    database = await connect(said_settings.database)
    try:
        yield Writer(database)
    finally:
        await database.close()


@pytest.fixture
async def client(system: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application that runs on `system`."""
    async with serve(system) as made:
        yield made


@pytest.fixture
def _counts_take_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no count be left out because this machine is slow."""
    monkeypatch.setattr(surveys, "COUNT_WITHIN_MS", 60_000)


@asynccontextmanager
async def serve(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application; give a client of it, without a token."""
    async with running(settings) as app, client_of(app) as client:
        yield client


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """Run an application."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Return a client of a running application, without a token."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)


@pytest.fixture
async def visitor(client: httpx.AsyncClient, system: Settings) -> Visitor:
    """Someone who has not signed in."""
    return Visitor(client, system)


@pytest.fixture
async def ana(visitor: Visitor) -> Visitor:
    """Ana, signed in."""
    await visitor.sign_in()
    return visitor
