"""`chatlog storage`: see to the object storage that exports go to."""

from __future__ import annotations

import asyncio
import sys

import click

from app.doctor.findings import Level
from app.doctor.storage_checks import check_storage
from app.settings import load_settings


@click.group()
def storage() -> None:
    """See to the object storage that exports go to (STORAGE_BUCKET and the other STORAGE_… settings)."""


@storage.command()
@click.option("--set-lifecycle", is_flag=True, help="Add the rule that removes old exports, or mend it.")
def check(*, set_lifecycle: bool) -> None:
    """Try whether exports can be kept and linked to.

    Writes, reads and deletes a file, follows a link to it, and looks for the rule that removes old exports.
    Changes nothing but, with --set-lifecycle, that rule; other rules of the bucket stay. Exits with 1 if
    something is wrong (✗); a note (!) is not.
    """
    settings = load_settings()
    checking = check_storage(settings.storage, settings.exports, set_lifecycle=set_lifecycle)
    findings = asyncio.run(checking)
    for finding in findings:
        click.echo(finding)
    if any(finding.level is Level.WRONG for finding in findings):
        sys.exit(1)
