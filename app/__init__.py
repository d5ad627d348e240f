"""The process: settings, the Faust app, topics, transport, database, embedded services, command line."""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Make the Faust app of CHATLOG_ROLE when `faust -A app worker` asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    # Imported here: everything else imports this package, and only the worker needs these.
    import click  # noqa: PLC0415

    from app.errors import answer_of  # noqa: PLC0415
    from app.settings import ConfigurationError  # noqa: PLC0415

    try:
        return _app_of_role()
    except ConfigurationError as error:
        # Faust's command line is click's: it shows the message, and no traceback.
        refused = click.ClickException(str(error))
        refused.exit_code = answer_of(error).exit_status
        raise refused from None


def _app_of_role() -> Any:
    import click  # noqa: PLC0415
    import mode.loop  # noqa: PLC0415

    from app.settings import ConfigurationError, Role, load_settings  # noqa: PLC0415

    settings = load_settings()
    role = settings.worker.chatlog_role
    if role is None:
        raise ConfigurationError(f"CHATLOG_ROLE is not set; accepted: {', '.join(Role)}")
    if idle := settings.topology.idle_because(role):
        click.echo(idle, err=True)
        raise SystemExit(0)
    mode.loop.use("uvloop")
    # It takes the place of Faust's own command, before the command line looks for that.
    import_module("app.worker.faust_command")
    from app.worker.build import build  # noqa: PLC0415

    return build(settings, role)
