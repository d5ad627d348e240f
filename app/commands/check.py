"""`chatlog check`: compare everything outside this program with what this version needs."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys

import click

from app.doctor.checks import run_checks
from app.doctor.findings import Level
from app.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for machines.")
def check(*, as_json: bool) -> None:
    """Connect to everything, and say what is wrong with it and with the settings, and how to mend it.

    Kafka with topics, groups and lag; PostgreSQL with schema and rights; where they are set up, object
    storage and the API. Changes nothing; storage is tried with a file that is deleted again. Exits with 1 if
    something is wrong (✗); a note (!) is not.
    """
    findings = asyncio.run(run_checks(load_settings()))
    is_well = all(finding.level is not Level.WRONG for finding in findings)
    if as_json:
        report = {"ok": is_well, "findings": [dataclasses.asdict(finding) for finding in findings]}
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        for finding in findings:
            click.echo(finding)
    if not is_well:
        sys.exit(1)
