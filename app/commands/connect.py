"""`chatlog connect`: listen to a platform, and see what was missed."""

from __future__ import annotations

import asyncio
import logging.config
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.dead_letters.content import printable
from app.postgres.connections import connect as connect_to_database
from app.settings import load_settings
from sinks.postgres.connector_gaps import find_gaps, forget_channel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from app.connect.connector import Connector
    from app.settings import Settings
    from sinks.postgres.connector_gaps import ConnectorGap

#: Where the output isn't a terminal, so that nothing is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 200

_LOGIN = re.compile(r"[a-z0-9_]{1,25}")

_web_port = click.option(
    "--web-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Show health, metrics and what is heard there, at WEB_HOST.",
)


def _logins(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    logins = tuple(name.removeprefix("#").lower() for name in names)
    for login in logins:
        if not _LOGIN.fullmatch(login):
            raise click.BadParameter(
                f"{login!r} is no channel; accepted: 1 to 25 letters, digits, underscores"
            )
    return logins


def _zone(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    try:
        if name is not None:
            ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise click.BadParameter(f"{name!r} is no zone; accepted: a name such as Europe/Berlin") from None
    return name


@click.group()
def connect() -> None:
    """Listen to a platform, and hand in what it says; see what was missed.

    A connector puts each event into the platform's events topic as it came, before anything else. It runs
    until it is stopped. PLATFORMS has to name the platform, and workers capture what is handed in.
    """


@connect.command()
@click.option(
    "--channel",
    "channels",
    required=True,
    multiple=True,
    metavar="NAME",
    callback=_logins,
    help="A channel's login, as in its address; once for each.",
)
@_web_port
def twitch(channels: tuple[str, ...], web_port: int | None) -> None:
    """Listen to channels of Twitch's chat, anonymously or as TWITCH_LOGIN.

    By IRC over TLS, each line as it comes. Twitch has no history: what is said while the connector does not
    run, or has no connection, is a gap (`chatlog connect gaps`).
    """
    settings = load_settings()
    from app.connect.twitch import TwitchChat  # noqa: PLC0415  its parts take a while to import

    _run(settings, "twitch", TwitchChat(settings.twitch, channels).listen, web_port)


@connect.command()
@click.option(
    "--log-dir",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the VRChat client writes output_log_….txt.",
)
@click.option(
    "--zone",
    metavar="NAME",
    callback=_zone,
    help="The zone of the machine that it runs on, such as Europe/Berlin, if that is another than this one.",
)
@click.option(
    "--state",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where it is remembered how far the logs were read, instead of vrchat.json in DATA_DIR.",
)
@_web_port
def vrchat(log_dir: Path, zone: str | None, state: Path | None, web_port: int | None) -> None:
    """Follow the log files of a VRChat client: who comes to its room, and who goes.

    Up to where it was read is remembered when Kafka has it, so that nothing is missed while the connector
    does not run, as long as the client keeps its files (about a day).
    """
    settings = load_settings()
    from app.connect.vrchat import VrchatLog  # noqa: PLC0415

    followed = VrchatLog(log_dir, state or settings.worker.data_dir / "vrchat.json", zone)
    _run(settings, "vrchat", followed.listen, web_port)


@connect.command()
@click.option(
    "--shards",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Into how many shards to divide the servers.  [default: as Discord recommends]",
)
@_web_port
def discord(shards: int | None, web_port: int | None) -> None:
    """Listen to all Discord servers that a bot is in (DISCORD_TOKEN).

    Messages, edits, deletions and threads, as the bot may see them. What was missed for longer than Discord
    keeps a session is fetched from the history.
    """
    settings = load_settings()
    settings.discord.require_token()
    from app.connect.discord.connector import listen  # noqa: PLC0415

    def hear(connector: Connector) -> Awaitable[None]:
        return listen(connector, settings.discord, settings.worker.data_dir, shards)

    _run(settings, "discord", hear, web_port)


@connect.command()
@click.option("--platform", metavar="NAME", help="Of this one alone.")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=7,
    show_default=True,
    metavar="N",
    help="Those that ended in the last N days.",
)
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many at most."
)
def gaps(platform: str | None, days: int, limit: int) -> None:
    """List when channels were not heard, those that are not heard now first."""
    found = asyncio.run(_gaps(platform, days, limit))
    if not found:
        click.echo("No gaps.")
        return
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(_table(found))


@connect.command()
@click.argument("platform")
@click.argument("channel")
def forget(platform: str, channel: str) -> None:
    """Say that a CHANNEL of a PLATFORM is not to be heard any more.

    It then is no gap, and no alert. CHANNEL is what `chatlog connect gaps` shows. A connector that hears it
    all the same notes it anew.
    """
    if not asyncio.run(_forget(platform, channel)):
        raise click.ClickException(
            f"no channel {channel!r} of {platform} is waited for; `chatlog connect gaps` lists those that are"
        )
    click.echo("It is not waited for any more.")


def _run(
    settings: Settings, platform: str, listen: Callable[[Connector], Awaitable[None]], web_port: int | None
) -> None:
    import uvloop  # noqa: PLC0415

    from app.connect.connector import run_connector  # noqa: PLC0415
    from app.logs import logging_config  # noqa: PLC0415

    logging.config.dictConfig(logging_config(settings.log))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_connector(settings, platform, listen, web_port=web_port))


async def _gaps(platform: str | None, days: int, limit: int) -> list[ConnectorGap]:
    connection = await connect_to_database(load_settings().database, application_name="chatlog-connect-gaps")
    try:
        since = datetime.now(UTC) - timedelta(days=days)
        return await find_gaps(connection, platform, since, limit)
    finally:
        connection.terminate()


async def _forget(platform: str, channel: str) -> bool:
    database = load_settings().database
    connection = await connect_to_database(database, application_name="chatlog-connect-forget")
    try:
        return await forget_channel(connection, platform, channel)
    finally:
        connection.terminate()


def _table(found: Sequence[ConnectorGap]) -> Table:
    table = Table(
        "platform", "channel", "began", "ended", "lasted", "reason", "filled", box=None, pad_edge=False
    )
    for gap in found:
        ended = gap.ended
        lasted = (ended or datetime.now(UTC)) - gap.began
        table.add_row(
            gap.platform,
            Text(printable(gap.channel)),
            _time(gap.began),
            _time(ended) if ended else "not heard now",
            str(timedelta(seconds=round(lasted.total_seconds()))),
            gap.reason,
            _time(gap.filled) if gap.filled else "–",
        )
    return table


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
