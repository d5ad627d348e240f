"""What the API and the pages work with, one of each in a process, and how a route gets at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    import asyncpg

    from app.exports.files import ExportFiles
    from app.exports.service import ExportRows
    from app.outbox import Outbox
    from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """The parts behind the routes, while the application runs.

    Attributes:
        settings: of this process.
        pool: connections to the database.
        rows: the exports and surveys of owners.
        files: the files of exports.
        outbox: sends the jobs of exports to Kafka.
    """

    settings: Settings
    pool: asyncpg.Pool[asyncpg.Record]
    rows: ExportRows
    files: ExportFiles
    outbox: Outbox


def services_of(request: Request) -> Services:
    """Return the parts behind the routes."""
    services: Services = request.app.state.services
    return services


#: For signatures of routes.
Serving = Annotated[Services, Depends(services_of)]
