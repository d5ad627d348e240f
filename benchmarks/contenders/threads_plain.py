"""The chat service of document 004 as a good engineer writes it: FastAPI, pydantic, SQLAlchemy on asyncpg.

Tuned: uvloop and httptools, no line in a log for each request, tokens that are known again, a pool that is
kept open, nothing read again after a commit, one statement that finds, checks, counts and touches a thread,
and answers that pydantic writes. It promises less: no events (the document sends them to Kafka after the
commit, which would cost it), no limits by rate, no keys for requests that are sent again, no row-level
security, no log of who read what.
"""

from __future__ import annotations

import gc
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import jwt
import orjson
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.schema import CreateSchema

from app.settings import load_settings
from benchmarks.contenders.threads_tables import SCHEMA, Base, MessageRow, ThreadRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MAX_MESSAGES_PER_THREAD = 1_000_000
_POOL = 20
_SEES_ALL = {"admin", "service"}

settings = load_settings()
engine = create_async_engine(
    settings.database.require_url().replace("postgresql://", "postgresql+asyncpg://", 1),
    pool_size=_POOL,
    max_overflow=0,
    json_serializer=lambda told: orjson.dumps(told).decode(),
    json_deserializer=orjson.loads,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def _with_tables(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        await connection.run_sync(Base.metadata.create_all)
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    yield
    await engine.dispose()


app = FastAPI(lifespan=_with_tables)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Who asks."""

    id: str
    tenant: str
    roles: frozenset[str]
    learners: frozenset[str]
    until: float

    def may_see(self, learner: str) -> bool:
        """Tell whether a learner is in their scope."""
        return learner in self.learners or not self.roles.isdisjoint(_SEES_ALL)


class ThreadIn(BaseModel):
    """A thread that is to be made."""

    learner_id: str = Field(min_length=1, max_length=255)
    title: str | None = Field(default=None, max_length=500)
    metadata: dict[str, Any] = {}


class ThreadOut(BaseModel):
    """A thread."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    tenant_id: str
    learner_id: str
    title: str | None
    metadata: dict[str, Any] = Field(validation_alias="extra")
    message_count: int
    created_at: datetime
    updated_at: datetime


class MessageIn(BaseModel):
    """A message that is to be written."""

    content: dict[str, Any]
    message_type: str = Field(default="text", max_length=50)
    sender_id: str = Field(min_length=1, max_length=255)
    sender_role: str = Field(default="user", max_length=50)
    reply_to: UUID | None = None
    metadata: dict[str, Any] = {}


class MessageOut(BaseModel):
    """A message."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    thread_id: UUID
    sender_id: str
    sender_role: str
    message_type: str
    content: dict[str, Any]
    reply_to: UUID | None
    metadata: dict[str, Any] = Field(validation_alias="extra")
    created_at: datetime
    updated_at: datetime


class MessagesOut(BaseModel):
    """Messages, the oldest first."""

    items: list[MessageOut]
    next: str | None


@lru_cache(maxsize=1_000)
def _holder_of(token: str) -> TokenHolder:
    secret = settings.api.jwt_secret
    claims = jwt.decode(token, secret.get_secret_value() if secret else "", algorithms=["HS256"])
    return TokenHolder(
        claims["sub"],
        claims["tenant"],
        frozenset(claims["roles"]),
        frozenset(claims.get("learner_scope", ())),
        claims["exp"],
    )


async def _caller(
    given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> TokenHolder:
    try:
        holder = _holder_of(given.credentials)
    except (jwt.PyJWTError, KeyError):
        raise HTTPException(401) from None
    if holder.until < datetime.now(UTC).timestamp():
        raise HTTPException(401)
    return holder


async def _session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


Asking = Annotated[TokenHolder, Depends(_caller)]
Session = Annotated[AsyncSession, Depends(_session)]


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that it is there."""
    return {"status": "healthy"}


@app.post("/api/v1/threads", status_code=201)
async def create_thread(body: ThreadIn, caller: Asking, session: Session) -> ThreadOut:
    """Make a thread."""
    if not caller.may_see(body.learner_id):
        raise HTTPException(404)
    now = datetime.now(UTC)
    thread = ThreadRow(
        id=uuid4(),
        tenant_id=caller.tenant,
        learner_id=body.learner_id,
        title=body.title,
        extra=body.metadata,
        message_count=0,
        created_at=now,
        updated_at=now,
    )
    session.add(thread)
    await session.commit()
    return ThreadOut.model_validate(thread)


@app.post("/api/v1/threads/{thread_id}/messages", status_code=201)
async def create_message(thread_id: UUID, body: MessageIn, caller: Asking, session: Session) -> MessageOut:
    """Write a message, if its thread is the caller's to write in and has room: in one transaction."""
    now = datetime.now(UTC)
    touched = await session.execute(
        update(ThreadRow)
        .where(ThreadRow.id == thread_id, ThreadRow.tenant_id == caller.tenant)
        .values(message_count=ThreadRow.message_count + 1, updated_at=now)
        .returning(ThreadRow.learner_id, ThreadRow.message_count)
        .execution_options(synchronize_session=False)
    )
    thread = touched.one_or_none()
    if thread is None or not caller.may_see(thread.learner_id):
        raise HTTPException(404)
    if thread.message_count > MAX_MESSAGES_PER_THREAD:
        raise HTTPException(409)
    message = MessageRow(
        id=uuid4(),
        thread_id=thread_id,
        sender_id=body.sender_id,
        sender_role=body.sender_role,
        message_type=body.message_type,
        content=body.content,
        reply_to=body.reply_to,
        extra=body.metadata,
        created_at=now,
        updated_at=now,
    )
    session.add(message)
    await session.commit()
    return MessageOut.model_validate(message)


@app.get("/api/v1/threads/{thread_id}/messages")
async def list_messages(
    thread_id: UUID,
    caller: Asking,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    after: str | None = None,
) -> MessagesOut:
    """Return messages of a thread, the oldest first."""
    learner = await session.scalar(
        select(ThreadRow.learner_id).where(ThreadRow.id == thread_id, ThreadRow.tenant_id == caller.tenant)
    )
    if learner is None or not caller.may_see(learner):
        raise HTTPException(404)
    wanted = select(MessageRow).where(MessageRow.thread_id == thread_id)
    if after is not None:
        at, _, last = after.partition("_")
        behind = tuple_(datetime.fromisoformat(at), UUID(last))
        wanted = wanted.where(tuple_(MessageRow.created_at, MessageRow.id) > behind)
    found = await session.scalars(wanted.order_by(MessageRow.created_at, MessageRow.id).limit(limit))
    items = [MessageOut.model_validate(message) for message in found]
    is_more = len(items) == limit
    return MessagesOut(
        items=items, next=f"{items[-1].created_at.isoformat()}_{items[-1].id}" if is_more else None
    )


if __name__ == "__main__":
    uvicorn.run(
        app, port=settings.api.port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
