"""`chatlog worker ROLE`: run one Faust worker."""

from __future__ import annotations

import click

from app.settings import CAPTURE_IS_OFF, Role, load_settings


@click.command()
@click.argument("role", metavar="ROLE", type=click.Choice([role.value for role in Role]))
def worker(role: str) -> None:
    """Run a Faust worker with one ROLE until it is stopped (SIGTERM, Ctrl-C).

    capture: raw events and states in, entries out. persist: entries in, rows of chat_log out. export: jobs
    in, files in object storage out.

    The same as `CHATLOG_ROLE=ROLE faust -A app worker`. Run more of them to scale.
    """
    settings = load_settings()
    if role == Role.CAPTURE and not settings.topology.capture_is_on:
        click.echo(CAPTURE_IS_OFF, err=True)
        return
    # Before Faust is imported: mode picks its event loop at import.
    import mode.loop  # noqa: PLC0415

    mode.loop.use("uvloop")
    from app.worker.build import WorkerProcess, build  # noqa: PLC0415

    WorkerProcess(build(settings, Role(role))).execute_from_commandline()
