"""The process: settings, the Faust app, topics, transport, database, embedded services, command line."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Make the Faust app of CHATLOG_ROLE when `faust -A app worker` asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    # Imported here: everything else imports this package, and only the worker needs these.
    import click  # noqa: PLC0415

    from app.settings import ConfigurationError  # noqa: PLC0415

    try:
        return _app_of_role()
    except ConfigurationError as error:
        # Faust's command line is click's: it shows the message, and no traceback.
        refused = click.ClickException(str(error))
        refused.exit_code = 2
        raise refused from None


def _app_of_role() -> Any:
    from app.settings import ConfigurationError, load_settings  # noqa: PLC0415
    from app.worker import build  # noqa: PLC0415

    settings = load_settings()
    if settings.chatlog_role is None:
        raise ConfigurationError("CHATLOG_ROLE is not set; accepted: capture, persist, export")
    return build(settings, settings.chatlog_role)
