"""Whether this process lives, and whether it can answer: for whoever runs it.

It answers as long as the database does. Without Kafka exports are still taken, and their jobs wait in the
outbox; so that is told, but is no reason to send people elsewhere: no replica would be left.
"""

import asyncio
from typing import TYPE_CHECKING, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from sinks.postgres.sqlstate import DRIVER_ERRORS

if TYPE_CHECKING:
    import asyncpg

    from app.outbox import Outbox

router = APIRouter(prefix="/health", tags=["operation"])

#: How long the database may take to say that it is there.
ANSWER_WITHIN_S = 3.0


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """Whether requests can be answered now."""

    status: Literal["ready", "not ready"]
    database: Literal["up", "down"]
    kafka: Literal["up", "down", "unknown"] = Field(
        description="While it is down, the jobs of exports wait, and the rest works."
    )
    storage: Literal["configured"] = "configured"


@router.get("", responses={503: {"model": Ready, "description": "The database is down."}})
async def health(request: Request, response: Response) -> Ready:
    """Tell how this service is, as `/health/ready` does."""
    return await ready(request, response)


@router.get("/live")
async def live() -> Live:
    """Tell that the process answers; if it does not, restart it."""
    return Live()


@router.get("/ready", responses={503: {"model": Ready, "description": "The database is down."}})
async def ready(request: Request, response: Response) -> Ready:
    """Tell whether requests can be answered now; if not, send them elsewhere."""
    outbox: Outbox = request.app.state.outbox
    has_database = await _has_database(request)
    response.status_code = 200 if has_database else 503
    kafka = {True: "up", False: "down", None: "unknown"}[outbox.is_well]
    return Ready.model_validate(
        {
            "status": "ready" if has_database else "not ready",
            "database": "up" if has_database else "down",
            "kafka": kafka,
        }
    )


async def _has_database(request: Request) -> bool:
    pool: asyncpg.Pool[asyncpg.Record] = request.app.state.pool
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return bool(await pool.fetchval("SELECT true"))
    except DRIVER_ERRORS:
        return False
