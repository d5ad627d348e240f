"""Lists show what `may` lets their caller see: the statements that find many keep to the rule."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest

from app.access import NotAllowed
from app.exports.messages import MessageExports
from app.exports.service import ExportRows
from app.postgres.connections import create_pool
from app.surveys.service import Surveys
from models.access import DEFAULT_TENANT, Action, Caller, CallerRole, may
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, SHARED_NAME, add_export, share

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from app.exports.rows import ExportRow
    from app.settings import Settings

CARLA = "carla@example.org"
SCOPES = [
    frozenset[str](),
    frozenset({f"survey:{SHARED_NAME}"}),
    frozenset({f"survey:{OF_ANA}", f"survey:{OF_BEN}", "learner:7"}),
    frozenset({"learner:7"}),
]
CALLERS = [
    Caller(email, tenant, frozenset(roles), scope)
    for email, tenant, roles, scope in product(
        (ANA, BEN, CARLA),
        (DEFAULT_TENANT, "acme"),
        (
            [CallerRole.OWNER],
            [CallerRole.COMPLIANCE],
            [CallerRole.ADMIN],
            [CallerRole.SERVICE],
            [CallerRole.OWNER, CallerRole.COMPLIANCE],
        ),
        SCOPES,
    )
]


@pytest.fixture
async def shared(system: Settings) -> Settings:
    """Ben shares one of his surveys with Ana, whose own has its name, and the other with Carla."""
    await share(system, BEN, SHARED_NAME, ANA)
    await share(system, BEN, OF_BEN, CARLA)
    return system


async def test_the_list_of_surveys_is_what_the_caller_may_see(shared: Settings) -> None:
    async with await create_pool(shared.database, min_size=0) as pool:
        surveys = Surveys(pool)
        every = await surveys.find(None, None)
        for caller in CALLERS:
            found = await surveys.some(caller, limit=100)
            wanted = {survey.key for survey in every if may(caller, Action.SEE_SURVEY, survey.thing)}
            assert {survey.key for survey in found} == wanted, caller
            assert await surveys.count(caller) == len(found) == len(wanted), caller
            assert len(await surveys.page(caller, "", size=100, number=1)) == len(wanted), caller

    assert len(every) == 4


async def test_the_lists_of_exports_are_what_the_caller_may_see(shared: Settings) -> None:
    for owner, columns in [
        (ANA, {}),
        (ANA, {"survey_owner": BEN}),
        (BEN, {}),
        (CARLA, {"survey_owner": BEN, "survey_id": OF_BEN}),
    ]:
        await add_export(shared, owner, **columns)
    async with await create_pool(shared.database, min_size=0) as pool:
        messages = MessageExports(pool, on_request=lambda: None)
        exports = ExportRows(pool, Surveys(pool), messages, on_request=lambda: None)
        every = await exports.of_all(Caller(ANA, roles=frozenset({CallerRole.ADMIN})), limit=100)
        for caller in CALLERS:
            visible = {row.id: row for row in every if may(caller, Action.SEE_EXPORT, row.thing)}
            for user in (ANA, BEN, CARLA):
                of_user = {id_ for id_, row in visible.items() if row.user_id == user}
                assert await ids(exports.of_user(caller, user, limit=100)) in (of_user, NotAllowed), caller
            assert await ids(exports.of_all(caller, limit=100)) in (set(visible), NotAllowed), caller
            keys = [row.survey for row in every]
            latest = await exports.latest_of(caller, keys)
            assert {row.id for row in latest.values()} <= set(visible), caller

    assert len(every) == 4


async def ids(found: Awaitable[list[ExportRow]]) -> object:
    """Return which exports a list has, or that it is refused."""
    try:
        return {row.id for row in await found}
    except NotAllowed:
        return NotAllowed
