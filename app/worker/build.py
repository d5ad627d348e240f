"""Builds the worker of a role and runs it: the same for `chatlog worker` and `faust -A app worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust

from app.logs import logging_config
from app.worker.app import WorkerApp
from app.worker.views import Views

if TYPE_CHECKING:
    from app.settings import Role, Settings


def build(settings: Settings, role: Role) -> WorkerApp:
    """Return the Faust app of `role`, ready to be run by a `WorkerProcess`.

    Raises:
        ConfigurationError: a setting that the role needs is missing, or capture is off.
    """
    return WorkerApp(settings, role, web=Views)


class WorkerProcess(faust.Worker):
    """Runs an app in this process, with our log, and nothing else on the terminal.

    Args:
        app: what `build` made.
        options: as `faust.Worker` takes them.
    """

    def __init__(self, app: WorkerApp, **options: Any) -> None:
        level = options.pop("loglevel", None) or app.settings.log.level
        super().__init__(
            app,
            loglevel=level,
            logging_config=logging_config(app.settings.log.model_copy(update={"level": level})),
            quiet=True,
            **options,
        )
        # It moves the cursor about, and takes the place of the log at levels above INFO.
        self.spinner = None
