"""What a statement keeps to, and what the one place that decides says of each message, are the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.postgres.connections import connect
from models.access import Action, Caller, CallerRole, Thing, may, message_thing
from models.reading import EVERYTHING, MessageFilter
from sinks.postgres.reading import Conditions, reading_of
from tests.site.owners import ANA, BEN, OF_ANA, OF_BEN, SHARED_NAME, add_surveys, share
from tests.site.talks import BEGAN, MINUTE, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncpg

    from app.settings import Settings

CY = "Cy@Example.org"
SHARED = f"survey:{SHARED_NAME}"
#: Name and owner; a survey that nobody has any more; none.
SURVEYS: list[tuple[str | None, str | None]] = [
    (SHARED_NAME, ANA),
    (OF_ANA, ANA),
    (SHARED_NAME, BEN),
    (OF_BEN, BEN),
    (None, "gone"),
    (None, None),
]
SHARES = {(OF_BEN, BEN): {CY, ANA}, (SHARED_NAME, ANA): {CY}}
PAGES, ROOMS = ("p1", "p2", None), ("1", "2")
#: Where else something is said: of an assistant, sessions of two apps, and of none.
PLACES = [
    *product(("twitch", "discord"), ROOMS),
    *(("assistant", session) for session in ("s1", "shop:s1", "shopping:s1", "shop")),
]
#: Tenant and learner; two tenants have a learner of one id.
THREADS_OF = [("acme", "7"), ("acme", "8"), ("north", "7"), ("default", "7"), ("default", "s1")]
ROLES = ("user", "assistant")


class Row(NamedTuple):
    """A message, as far as the right to it, and filters, depend on it."""

    content: str
    platform: str
    channel: str | None
    survey: str | None
    owner: str | None
    person: str
    role: str
    learner: str | None = None


callers = st.builds(
    Caller,
    email=st.sampled_from([ANA, BEN, CY, "ANA@example.org", "nobody@example.org"]),
    tenant=st.sampled_from(["default", "default", "default", "acme", "acme", "elsewhere"]),
    roles=st.frozensets(st.sampled_from(CallerRole), max_size=2),
    scope=st.frozensets(
        st.sampled_from(
            [
                *(f"survey:{name}" for name in (SHARED_NAME, OF_ANA, OF_BEN, "none")),
                *("platform:messenger", "platform:twitch", "platform:none"),
                *("channel:messenger/p1", "channel:messenger/", "channel:twitch/1", "channel:discord/1"),
                *("app:shop", "app:help", "channel:assistant/s1"),
                *("learner:7", "learner:7", "learner:8", "learner:s1", "twitch", "channel:1"),
                *("platform:threads", "channel:threads/acme", "channel:threads/north"),
            ]
        ),
        max_size=2,
    ),
)
filters = st.builds(
    MessageFilter,
    platform=st.sampled_from([None, None, "messenger", "twitch", "threads"]),
    channel=st.sampled_from([None, None, None, "p1", "1", "acme"]),
    survey=st.sampled_from([None, None, SHARED_NAME, OF_BEN, "none"]),
    survey_owner=st.sampled_from([None, None, "ANA@example.org", BEN]),
    person=st.sampled_from([None, None, None, "4001"]),
    role=st.sampled_from([None, None, "user"]),
)


class World(NamedTuple):
    """All messages, and a connection to where they are."""

    loop: asyncio.AbstractEventLoop
    database: asyncpg.Connection[asyncpg.Record]
    rows: list[Row]


@pytest.fixture
def world(settings: Callable[..., Settings]) -> Iterator[World]:
    """A message of each survey on each page, and in each room."""
    with asyncio.Runner() as runner:
        database, rows = runner.run(_made(settings()))
        yield World(runner.get_loop(), database, rows)
        runner.run(database.close())


async def _made(made: Settings) -> tuple[asyncpg.Connection[asyncpg.Record], list[Row]]:
    await add_surveys(made)
    for (shared, sharer), others in SHARES.items():
        for address in others:
            await share(made, sharer, shared, address.lower())
    database = await connect(made.database)
    write, rows = Writer(database), []
    for number, ((name, said_of), page) in enumerate(product(SURVEYS, PAGES)):
        owner = said_of if name is not None else None
        survey: UUID | None = None if said_of is None else uuid4()
        if name is not None:
            survey = await write.survey(str(owner), name)
        person, role = f"400{number % 2}", ROLES[number % 3 % 2]
        by = "bot" if role == "assistant" else "user"
        await write.chat(person, f"m{number}", BEGAN + number * MINUTE, by=by, page=page, surveyid=survey)
        rows.append(Row(f"m{number}", "messenger", page, name, owner, person, role))
    for number, (platform, channel) in enumerate(PLACES):
        said = f"r{number}"
        await write.say(
            said, BEGAN + timedelta(hours=number), platform=platform, channel=channel, author="4001"
        )
        rows.append(Row(said, platform, channel, None, None, "4001", "user"))
    for number, (tenant, learner) in enumerate(THREADS_OF):
        said, when = f"t{number}", BEGAN + timedelta(hours=number)
        where = {"platform": "threads", "channel": tenant, "kind": "thread", "thread": f"of {learner}"}
        await write.say(said, when, author="4001", learner=learner, **where)
        rows.append(Row(said, "threads", tenant, None, None, "4001", "user", learner))
    return database, rows


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(caller=callers, wanted=filters, action=st.sampled_from([Action.READ_MESSAGES, Action.SEE_PERSON]))
@example(Caller("op@x.org", roles=frozenset({CallerRole.OPERATOR})), EVERYTHING, Action.READ_MESSAGES)
@example(Caller(CY), MessageFilter(survey=SHARED_NAME), Action.READ_MESSAGES)
@example(
    Caller(
        CY, roles=frozenset({CallerRole.OWNER, CallerRole.PARENT}), scope=frozenset({"learner:7", SHARED})
    ),
    EVERYTHING,
    Action.READ_MESSAGES,
)
@example(
    Caller(CY, "acme", frozenset({CallerRole.TEACHER}), frozenset({"learner:8"})),
    EVERYTHING,
    Action.READ_MESSAGES,
)
def test_a_statement_finds_what_may_be_read_and_is_looked_for(
    world: World, caller: Caller, wanted: MessageFilter, action: Action
) -> None:
    expected = {
        row.content for row in world.rows if _is_wanted(row, wanted) and may(caller, action, _thing(row))
    }
    assert world.loop.run_until_complete(_found(world.database, caller, wanted, action)) == expected


async def _found(
    database: asyncpg.Connection[asyncpg.Record], caller: Caller, wanted: MessageFilter, action: Action
) -> set[str]:
    conditions = Conditions()
    conditions.keep_to(await reading_of(database, caller, action), wanted)
    statement = f"SELECT content FROM all_messages WHERE {conditions.sql}"
    return {row["content"] for row in await database.fetch(statement, *conditions.arguments)}


def _thing(row: Row) -> Thing:
    shared = SHARES.get((row.survey or "", row.owner or ""), set())
    return message_thing(
        row.platform,
        row.channel,
        survey=row.survey,
        owner=row.owner,
        shared_with=shared,
        learner=row.learner,
    )


def _is_wanted(row: Row, wanted: MessageFilter) -> bool:
    if wanted.survey is not None and row.survey != wanted.survey:
        return False
    of_owner = wanted.survey_owner if wanted.survey is not None else None
    if of_owner is not None and (row.owner or "").lower() != of_owner.lower():
        return False
    rest = replace(wanted, survey=None, survey_owner=None)
    return all(
        getattr(rest, name) in {None, getattr(row, name)}
        for name in ("platform", "channel", "person", "role")
    )
