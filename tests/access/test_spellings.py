"""One owner, however the address is written: in the token, in users, in rows of exports from before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.postgres.connections import connect
from models.export_names import owner_hash
from models.owners import owner_address
from sinks.exports.scope import NoSurveyToExport, scope_of
from tests.models.test_owners import ONE, TWO
from tests.site.owners import add_export, bearer, execute, fetch_value, row_of
from tests.site.visitor import Visitor

if TYPE_CHECKING:
    import httpx

    from app.settings import Settings

IN_USERS, IN_TOKEN, BEFORE = "Hunt.Owner@Example.org", "hunt.owner@example.org", " HUNT.OWNER@example.org"
SURVEY = "Big panel"


async def add_owner(settings: Settings, email: str, survey: str, page: str) -> None:
    user = await fetch_value(settings, "INSERT INTO users (email) VALUES ($1) RETURNING id", email)
    await execute(
        settings,
        "INSERT INTO credentials (userid, entity, facebook_page_id) VALUES ($1, 'facebook_page', $2)",
        user,
        page,
    )
    await execute(
        settings,
        "INSERT INTO surveys (userid, shortcode, title, survey_name) VALUES ($1, 'big', $2, $2)",
        user,
        survey,
    )


async def names(client: httpx.AsyncClient, headers: dict[str, str]) -> set[str]:
    return {one["survey_name"] for one in (await client.get("/surveys", headers=headers)).json()}


async def test_an_owner_finds_surveys_and_exports_whatever_their_spelling(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_owner(system, IN_USERS, SURVEY, "p1")
    earlier = await add_export(system, BEFORE, survey_id=SURVEY, status="Failed")
    headers = bearer(system, IN_TOKEN)

    asked = await client.post(f"/exports?survey={SURVEY}", json={"export_type": "responses"}, headers=headers)
    listed = (await client.get("/exports/status", headers=headers)).json()
    of_survey = (await client.get(f"/exports/status/survey?survey={SURVEY}", headers=headers)).json()
    retried = await client.post(f"/exports/{earlier}/retry", headers=headers)
    cancelled = await client.delete(f"/exports/{earlier}", headers=headers)

    assert SURVEY in await names(client, headers)
    assert asked.status_code == 201, asked.text
    both = {str(earlier), asked.json()["id"]}
    assert {row["id"] for row in listed} == {row["id"] for row in of_survey} == both
    assert (retried.status_code, cancelled.json()["status"]) == (200, "Failed")


async def test_a_session_is_of_the_owner_whatever_the_spelling_of_the_token(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_owner(system, IN_TOKEN, SURVEY, "p1")
    visitor = Visitor(client, system)
    await visitor.sign_in(email=IN_USERS)

    assert SURVEY in (await visitor.get("/surveys/list")).text


async def test_two_rows_of_users_with_one_address_are_one_owner(
    client: httpx.AsyncClient, system: Settings
) -> None:
    await add_owner(system, IN_USERS, "First", "p1")
    await add_owner(system, IN_TOKEN, "Second", "p1")

    for written in (IN_USERS, IN_TOKEN):
        assert await names(client, bearer(system, written)) == {"First", "Second"}
        connection = await connect(system.database)
        try:
            # One page and one shortcode of two rows: one owner's, so nothing of it is in doubt.
            scope = await scope_of(connection, written, "Second", written)
        finally:
            await connection.close()
        assert [era.pages for era in scope.eras] == [("p1",)]


@pytest.mark.parametrize(("one", "other"), TWO)
async def test_who_only_looks_alike_sees_nothing(
    client: httpx.AsyncClient, system: Settings, one: str, other: str
) -> None:
    for theirs, ours in ((one, other), (other, one)):
        await add_owner(system, theirs, f"of {theirs}", f"page of {theirs}")
        export = await add_export(system, theirs, survey_id=f"of {theirs}", status="Started")
        headers = bearer(system, ours)

        assert f"of {theirs}" not in await names(client, headers)
        assert (await client.get(f"/exports/{export}", headers=headers)).status_code == 404
        assert (await client.delete(f"/exports/{export}", headers=headers)).status_code == 404
        assert (await row_of(system, export))["status"] == "Started"
        connection = await connect(system.database)
        try:
            with pytest.raises(NoSurveyToExport):
                await scope_of(connection, ours, f"of {theirs}", ours)
        finally:
            await connection.close()


async def test_the_database_compares_as_we_do(system: Settings) -> None:
    connection = await connect(system.database)
    try:
        for address, written in ONE:
            for one in written:
                assert await connection.fetchval(
                    "SELECT owner_address($1) = owner_address($2)", one, address
                ), one
                # What comes from a token is in the one form already.
                assert await connection.fetchval(
                    "SELECT owner_address($1) = owner_address($2)", one, owner_address(one)
                )
        for one, other in TWO:
            assert not await connection.fetchval(
                "SELECT owner_address($1) = owner_address($2)", one, other
            ), one
    finally:
        await connection.close()


async def test_an_owners_exports_are_found_by_an_index(system: Settings) -> None:
    connection = await connect(system.database)
    try:
        await connection.execute("SET enable_seqscan = off")
        plans = [
            "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {query}"))
            for query in (
                "SELECT FROM export_status WHERE owner_address(user_id) = owner_address('a@b.c')",
                "SELECT FROM users WHERE owner_address(users.email) = owner_address('a@b.c')",
            )
        ]
    finally:
        await connection.close()

    assert "export_status_owner_idx" in plans[0]
    assert "users_owner_idx" in plans[1]


def test_files_of_an_owner_are_kept_in_one_place() -> None:
    assert owner_hash(IN_USERS) == owner_hash(IN_TOKEN) == owner_hash(BEFORE)
