"""`chatlog people`: who does not want to be recorded."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.commands.asking import asks
from app.dead_letters.content import printable
from app.kafka.offsets import GroupOffsets
from app.kafka.topics import groups_of, topics_of
from app.people.opt_outs import OptOuts
from app.postgres.connections import create_pool
from app.settings import Role, Settings, load_settings
from models.access import Action, whoever_has_the_shell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from app.people.opt_outs import OptOut

#: From when on every worker knows of an opt-out (sinks/sql/people.sql), and a little.
KNOWN_AFTER_S = 11.0
#: How long is waited for what workers have not written yet.
WRITTEN_WITHIN_S = 600.0
_LOOK_EVERY_S = 1.0
#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250

_platform = click.argument("platform")
_person = click.argument("person")


@click.group()
def people() -> None:
    """See who opted out of being recorded, and do it for them.

    A PERSON is known by the platform's id of them. DATABASE_URL's user needs the
    role chatlog_maintainer.
    """


@people.command(name="list")
@click.argument("platform", required=False)
@asks(Action.OPT_OUT_PEOPLE)
def list_(platform: str | None) -> None:
    """List who opted out, of a PLATFORM or of all."""
    found = asyncio.run(_find(platform))
    if not found:
        click.echo("Nobody has opted out.")
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(_table(found))


@people.command(name="opt-out")
@_platform
@_person
@click.option("--past", is_flag=True, help="Delete what was recorded of them, too.")
@asks(Action.OPT_OUT_PEOPLE)
def opt_out(platform: str, person: str, *, past: bool) -> None:
    """Have nothing of a PERSON recorded any more, from 10 seconds on.

    With --past, what was recorded of them is deleted as well, and never comes back, whatever topic is read
    again. That waits for what the workers have not written yet, and needs KAFKA_BOOTSTRAP_SERVERS. Left are
    sums that name nobody, the ids and times of their dialogues, raw events in Kafka until their retention
    ends, dead letters, and files of exports. Safe to interrupt, and to do again.
    """
    deleted = asyncio.run(_opt_out(platform, person, past=past))
    if deleted is None:
        click.echo("Nothing of them is recorded from 10 seconds on; what was stays (--past deletes it).")
    else:
        click.echo(f"Nothing of them is recorded any more. {deleted:,} messages were deleted.")


@people.command(name="opt-in")
@_platform
@_person
@asks(Action.OPT_OUT_PEOPLE)
def opt_in(platform: str, person: str) -> None:
    """Record a PERSON who had opted out again, from 10 seconds on; not what they said meanwhile."""
    asyncio.run(_opt_in(platform, person))
    click.echo("What they say is recorded from 10 seconds on.")


async def _find(platform: str | None) -> list[OptOut]:
    async with _opt_outs(load_settings()) as known:
        return await known.find(whoever_has_the_shell(), platform)


async def _opt_in(platform: str, person: str) -> None:
    async with _opt_outs(load_settings()) as known:
        await known.opt_in(whoever_has_the_shell(), platform, person)


async def _opt_out(platform: str, person: str, *, past: bool) -> int | None:
    """Return how many messages were deleted; None if that was not asked for."""
    settings, caller = load_settings(), whoever_has_the_shell()
    async with _opt_outs(settings) as known:
        await known.opt_out(caller, platform, person, past=past)
        if not past:
            return None
        console = Console(stderr=True)
        with console.status("Waiting until every worker knows, and has written what it read before"):
            await asyncio.sleep(KNOWN_AFTER_S)
            await _until_written(settings, platform)
        deleted = 0
        with console.status("Deleting") as status:
            async for messages in known.delete_past(caller, platform, person):
                deleted += messages
                status.update(f"Deleting: {deleted:,} messages so far")
        return deleted


async def _until_written(settings: Settings, platform: str) -> None:
    """Return when the persist workers have written what is in the platform's topic of messages now.

    A platform that is not captured here has none.

    Raises:
        ClickException: they do not, or Kafka does not answer.
    """
    topic = topics_of(settings.topology).messages.get(platform)
    if topic is None:
        return
    asked = GroupOffsets(settings.kafka, groups_of(settings.topology).of(Role.PERSIST), [topic.name])
    deadline = time.monotonic() + WRITTEN_WITHIN_S
    ends: dict[object, int] = {}
    try:
        while True:
            offsets = await asked.ask()
            ends = ends or {tp: found.end for tp, found in offsets.items() if found.end > found.beginning}
            if all((offsets[tp].committed or 0) >= ends[tp] for tp in offsets if tp in ends):
                return
            if time.monotonic() > deadline:
                raise click.ClickException(
                    "the persist workers have not written what they read before; nothing was deleted. See "
                    "`chatlog check`, then do this again"
                )
            await asyncio.sleep(_LOOK_EVERY_S)
    except (KafkaError, OSError) as error:
        raise click.ClickException(
            f"Kafka does not tell what is still to be written ({type(error).__name__}); nothing was deleted. "
            "See `chatlog check`, then do this again"
        ) from error
    finally:
        await asked.close()


@asynccontextmanager
async def _opt_outs(settings: Settings) -> AsyncIterator[OptOuts]:
    pool = await create_pool(settings.database, application_name="chatlog-people", min_size=0)
    try:
        yield OptOuts(pool)
    finally:
        pool.terminate()


def _table(found: Sequence[OptOut]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("platform", "person", "name", "since (UTC)", "until (UTC)"):
        table.add_column(heading, overflow="fold")
    for one in found:
        since = "always" if one.since is None else f"{one.since:%Y-%m-%d %H:%M:%S}"
        until = "–" if one.until is None else f"{one.until:%Y-%m-%d %H:%M:%S}"
        cells = (one.platform, one.person_id, one.name or "–", since, until)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
