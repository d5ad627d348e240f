"""`chatlog topics`: create the topics that are missing, and show how the others differ."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from app.kafka.topic_admin import ensure_topics, inspect_topics
from app.kafka.topic_differences import TopicReport, TopicState, days
from app.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where the output isn't a terminal, so that no name is cut or wrapped.
WIDTH_WITHOUT_TERMINAL = 200

_COLOURS = {
    TopicState.OK: "green",
    TopicState.CREATED: "green",
    TopicState.DIFFERS: "yellow",
    TopicState.MISSING: "red",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only report; create nothing.")
def topics(*, dry_run: bool) -> None:
    """Create the topics that are missing, and report, without changing it, what differs.

    Exits with 1 if a topic is missing or differs in a way that can lose data or stops a worker.
    """
    settings = load_settings()
    see_to = inspect_topics if dry_run else ensure_topics
    reports = asyncio.run(see_to(settings.kafka, settings.topology))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_WITHOUT_TERMINAL
    console.print(_table(reports))
    for report in reports:
        _explain(report)
    if dry_run and any(report.state is TopicState.MISSING for report in reports):
        click.echo("To create what is missing: chatlog topics")
    if not all(report.is_fit for report in reports):
        sys.exit(1)


def _table(reports: list[TopicReport]) -> Table:
    table = Table("topic", "holds")
    table.add_column("partitions", justify="right")
    table.add_column("replication", justify="right")
    table.add_column("retention")
    table.add_column("state")
    for report in reports:
        topic = report.found or report.spec
        table.add_row(
            report.spec.name,
            report.spec.holds,
            str(topic.partitions),
            str(topic.replication),
            _retention(topic.config or report.spec.config),
            f"[{_COLOURS[report.state]}]{report.state}[/]",
        )
    return table


def _retention(config: Mapping[str, str]) -> str:
    if "compact" in config.get("cleanup.policy", ""):
        return "newest of each key"
    return days(int(config["retention.ms"]))


def _explain(report: TopicReport) -> None:
    # Not in the table: a command must be whole, to be copied.
    for difference in report.differences:
        click.echo(f"{'✗' if difference.matters else '!'} {report.spec.name}: {difference.what}")
        click.echo(f"  to mend it: {difference.mend}")
