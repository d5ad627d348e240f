"""`chatlog worker ROLE`: run one Faust worker."""

from __future__ import annotations

import click

from app.settings import Role, load_settings


@click.command()
@click.argument("role", metavar="ROLE", type=click.Choice([role.value for role in Role]))
def worker(role: str) -> None:
    """Run a Faust worker with one ROLE until it is stopped (SIGTERM, Ctrl-C).

    capture: Messenger's events and states in, entries out. capture-platforms: events of PLATFORMS in,
    messages out. persist: entries and messages in, rows out. export: jobs in, files in object storage out.

    The same as `CHATLOG_ROLE=ROLE faust -A app worker`. Run more of them to scale.
    """
    settings = load_settings()
    if idle := settings.topology.idle_because(Role(role)):
        click.echo(idle, err=True)
        return
    # Before Faust is imported: mode picks its event loop at import.
    import mode.loop  # noqa: PLC0415

    mode.loop.use("uvloop")
    from app.worker.build import WorkerProcess, build  # noqa: PLC0415

    WorkerProcess(build(settings, Role(role))).execute_from_commandline()
