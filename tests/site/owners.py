"""Owners, their surveys, and their exports, as the tests of the API need them in the database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.access import mint
from app.postgres.connections import connect
from models.access import Caller

if TYPE_CHECKING:
    from app.settings import Settings

ANA, BEN = "ana@example.org", "ben@example.org"
#: Both have a survey of this name, and each has one that the other has not.
SHARED_NAME, OF_ANA, OF_BEN = "Baseline", "Ana's only", "Ben's only"


async def add_surveys(settings: Settings) -> None:
    """Make two owners with their surveys and pages."""
    for email, only in ((ANA, OF_ANA), (BEN, OF_BEN)):
        user = await fetch_value(settings, "INSERT INTO users (email) VALUES ($1) RETURNING id", email)
        await execute(
            settings,
            "INSERT INTO credentials (userid, entity, facebook_page_id) VALUES ($1, 'facebook_page', $2)",
            user,
            f"page of {email}",
        )
        for name, shortcode in ((SHARED_NAME, "base"), (SHARED_NAME, "base-es"), (only, f"only-{email[:3]}")):
            await execute(
                settings,
                "INSERT INTO surveys (userid, shortcode, title, survey_name) VALUES ($1, $2, $3, $4)",
                user,
                shortcode,
                f"{name} ({shortcode})",
                name,
            )


async def add_export(settings: Settings, owner: str, **columns: Any) -> UUID:
    """Insert a row as it would be then; return its id."""
    values = {"survey_id": SHARED_NAME, "status": "Started", "export_link": "Not Found"} | columns
    names = ", ".join(["user_id", *values])
    places = ", ".join(f"${number}" for number in range(1, len(values) + 2))
    found = await fetch_value(
        settings,
        f"INSERT INTO export_status ({names}) VALUES ({places}) RETURNING id",
        owner,
        *values.values(),
    )
    assert isinstance(found, UUID)
    return found


async def share(settings: Settings, owner: str, survey: str, address: str) -> None:
    """Share a survey as its owner does."""
    await execute(
        settings,
        "INSERT INTO survey_shares (owner, survey_name, address, shared_by) VALUES ($1, $2, $3, $1)",
        owner,
        survey,
        address,
    )


async def unshare(settings: Settings, owner: str, survey: str, address: str) -> None:
    """Share a survey no longer."""
    await execute(
        settings,
        "DELETE FROM survey_shares WHERE owner = $1 AND survey_name = $2 AND address = $3",
        owner,
        survey,
        address,
    )


async def update_export(settings: Settings, export_id: UUID | str, **columns: Any) -> None:
    """Do to a row what the export agent does."""
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, start=2))
    await execute(
        settings, f"UPDATE export_status SET {changes} WHERE id = $1", UUID(str(export_id)), *columns.values()
    )


async def row_of(settings: Settings, export_id: UUID | str) -> dict[str, Any]:
    """Return a row as it is."""
    connection = await connect(settings.database)
    try:
        found = await connection.fetchrow("SELECT * FROM export_status WHERE id = $1", UUID(str(export_id)))
    finally:
        await connection.close()
    assert found is not None
    return dict(found)


async def execute(settings: Settings, statement: str, *arguments: object) -> None:
    """Run a statement in a connection of its own."""
    await fetch_value(settings, statement, *arguments)


async def fetch_value(settings: Settings, statement: str, *arguments: object) -> Any:
    """Run a statement in a connection of its own; return the first value of its first row."""
    connection = await connect(settings.database)
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


def bearer(settings: Settings, caller: str | Caller = ANA) -> dict[str, str]:
    """Return the headers of a request of this caller's program, or of this owner's."""
    caller = Caller(caller) if isinstance(caller, str) else caller
    return {"Authorization": f"Bearer {mint(settings.api, caller, timedelta(hours=1))}"}
