"""The process: settings, the Faust app, topics, transport, database, embedded services, command line."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Make the Faust app of CHATLOG_ROLE when `faust -A app worker` asks for it, and not before."""
    if name != "app":
        raise AttributeError(name)
    # Imported here: everything else imports this package, and only the worker needs Faust.
    from app.settings import ConfigurationError, load_settings  # noqa: PLC0415
    from app.worker import build  # noqa: PLC0415

    settings = load_settings()
    if settings.chatlog_role is None:
        raise ConfigurationError("CHATLOG_ROLE is not set; accepted: capture, persist")
    return build(settings, settings.chatlog_role)
