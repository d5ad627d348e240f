"""Builds the worker of a role. `faust -A app worker` finds the app of CHATLOG_ROLE by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.views import Views
from app.worker_app import WorkerApp

if TYPE_CHECKING:
    from app.settings import Role, Settings


def build(settings: Settings, role: Role) -> WorkerApp:
    """Return the Faust app of `role`, ready to be run by a Faust worker.

    Raises:
        ConfigurationError: a setting that the role needs is missing, or capture is off.
    """
    return WorkerApp(settings, role, web=Views)
