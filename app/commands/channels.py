"""`chatlog channels`: what is recorded of which channel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.channels.rows import ALL, RETENTION_MAX_DAYS
from app.channels.service import ChannelRules
from app.commands.asking import asks
from app.dead_letters.content import printable
from app.postgres.connections import create_pool
from app.settings import load_settings
from models.access import Action, whoever_has_the_shell

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.channels.rows import ChannelConfig

Result = TypeVar("Result")

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 250
#: What each column of the table shows.
_COLUMNS = ("enabled", "retention", "sampling", "exempt", "deletions", "bots", "raw", "ignored", "pipeline")

_platform = click.argument("platform")
_channel = click.argument("channel", default=ALL)


@click.group()
def channels() -> None:
    """See and set what is recorded of which channel.

    A channel is known by the platform's id of it: a Twitch room's, a Discord channel's. `*` stands for all of
    a platform, and `* *` for all of them. What a rule does not say is inherited: from the platform's, then
    from that for all. A change holds 10 seconds later, for what is said from then on. INSERT and UPDATE of
    chat_logging_config do the same.
    """


@channels.command(name="list")
@click.argument("platform", required=False)
@asks(Action.SEE_CHANNELS)
def list_(platform: str | None) -> None:
    """List the rules that there are, of a PLATFORM or of all; the defaults first."""
    found = _run(lambda rules: rules.find(whoever_has_the_shell(), platform))
    if not found:
        click.echo("No rules: everything is recorded.")
        return
    _print(_table(found))


@channels.command()
@_platform
@_channel
@asks(Action.SEE_CHANNELS)
def show(platform: str, channel: str) -> None:
    """Show what bears on a CHANNEL: its own rule, its platform's, and that for all; the first says."""
    found = _run(lambda rules: rules.in_force(whoever_has_the_shell(), platform, channel))
    if not found:
        click.echo("No rule bears on it: everything is recorded.")
        return
    _print(_table(found))


@channels.command(name="set")
@_platform
@_channel
@click.option("--enable/--disable", "is_enabled", default=None, help="Whether anything is recorded.")
@click.option(
    "--retention-days",
    type=click.IntRange(1, RETENTION_MAX_DAYS),
    metavar="DAYS",
    help="For how many days messages are to be kept; noted, nothing is deleted by it.",
)
@click.option(
    "--sampling-rate",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help="Which part of the messages is stored: 0.1 for every tenth.",
)
@click.option(
    "--exempt",
    type=click.Choice(["moderator", "mention", "reply", "first"]),
    multiple=True,
    help="What is stored whatever the rate; once for each.",
)
@click.option(
    "--deletions",
    type=click.Choice(["keep", "hide", "blank"]),
    help="What becomes of a text that is deleted: marked, hidden, or emptied.",
)
@click.option("--bots/--no-bots", default=None, help="Whether what bots say is recorded.")
@click.option("--raw/--no-raw", "keep_raw", default=None, help="Whether raw events are stored.")
@click.option(
    "--ignore",
    "ignored_users",
    multiple=True,
    metavar="ID",
    help="Of whom nothing is recorded; once for each.",
)
@click.option(
    "--pipeline",
    "pre_drop_pipeline_id",
    metavar="NAME",
    help="What is to run before messages are dropped; noted, nothing runs.",
)
@click.option(
    "--inherit",
    type=click.Choice(
        [
            *("is_enabled", "retention_days", "sampling_rate", "exempt", "deletions", "bots", "keep_raw"),
            *("ignored_users", "pre_drop_pipeline_id"),
        ]
    ),
    multiple=True,
    help="What is not said here any more; once for each.",
)
@asks(Action.CHANGE_CHANNELS)
def set_(platform: str, channel: str, inherit: Sequence[str], **said: Any) -> None:
    """Set some of the rule of a CHANNEL; what is not named stays as it is."""
    changes: dict[str, Any] = {name: value for name, value in said.items() if value not in (None, ())}
    if both := sorted(changes.keys() & set(inherit)):
        raise click.UsageError(f"{both[0]} is both set and inherited")
    changes |= dict.fromkeys(inherit)
    if not changes:
        raise click.UsageError("say what to set: `chatlog channels set --help` lists what there is")
    rule = _run(lambda rules: rules.set(whoever_has_the_shell(), platform, channel, changes))
    _print(_table([rule]))
    click.echo("It holds in 10 seconds.")


@channels.command()
@_platform
@_channel
@asks(Action.CHANGE_CHANNELS)
def unset(platform: str, channel: str) -> None:
    """Take the rule of a CHANNEL away: what its platform's says holds again."""
    _run(lambda rules: rules.unset(whoever_has_the_shell(), platform, channel))
    click.echo("It has no rule of its own from 10 seconds on.")


@channels.command()
@_platform
@_channel
@asks(Action.SEE_CHANNELS)
def history(platform: str, channel: str) -> None:
    """Show what the rule of a CHANNEL was and who said so, the newest first."""
    found = _run(lambda rules: rules.versions(whoever_has_the_shell(), platform, channel))
    if not found:
        click.echo("It never had a rule of its own.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("from (UTC)", "by", *_COLUMNS):
        table.add_column(heading, overflow="fold")
    for version in found:
        since = f"{version.valid_from:%Y-%m-%d %H:%M:%S}"
        cells = ("(no rule)",) if version.is_deleted else _cells(version.config)
        who = printable(version.changed_by or "–")
        table.add_row(since, *(Text(cell) for cell in (who, *cells)))
    _print(table)


def _table(rules: Sequence[ChannelConfig]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("platform", "channel", *_COLUMNS):
        table.add_column(heading, overflow="fold")
    for rule in rules:
        cells = (rule.platform, printable(rule.channel), *_cells(rule))
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _cells(rule: ChannelConfig) -> tuple[str, ...]:
    return (
        _yes_or_no(rule.is_enabled),
        "–" if rule.retention_days is None else f"{rule.retention_days} d",
        "–" if rule.sampling_rate is None else f"{rule.sampling_rate:g}",
        "–" if rule.exempt is None else ", ".join(rule.exempt) or "none",
        rule.deletions or "–",
        _yes_or_no(rule.bots),
        _yes_or_no(rule.keep_raw),
        "–" if rule.ignored_users is None else printable(", ".join(rule.ignored_users)) or "none",
        printable(rule.pre_drop_pipeline_id or "–"),
    )


def _yes_or_no(value: bool | None) -> str:
    return "–" if value is None else "yes" if value else "no"


def _print(table: Table) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(table)


def _run(work: Callable[[ChannelRules], Awaitable[Result]]) -> Result:
    return asyncio.run(_with_rules(work))


async def _with_rules(work: Callable[[ChannelRules], Awaitable[Result]]) -> Result:
    pool = await create_pool(load_settings().database, application_name="chatlog-channels", min_size=0)
    try:
        return await work(ChannelRules(pool))
    finally:
        pool.terminate()
