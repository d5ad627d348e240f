"""`faust -A app worker`, in the place of Faust's own: the same as `chatlog worker`.

Faust's has a log level of its own, a banner, and a spinner. Importing this module replaces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from faust.cli.worker import worker as faust_worker

from app.worker.build import WorkerProcess

if TYPE_CHECKING:
    import asyncio

    from mode import ServiceT, Worker

    from app.worker.app import WorkerApp

#: Faust's names of levels that are not logging's.
_LEVELS = {"CRIT": "CRITICAL", "WARN": "WARNING"}


class worker(faust_worker):  # noqa: N801  it is the name of the command
    """Start a worker of the role that CHATLOG_ROLE names; as `chatlog worker ROLE`."""

    def worker_for_service(
        self,
        service: ServiceT,  # noqa: ARG002  Faust's signature
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Worker:
        """Return what runs the app; the level of the log is LOG_LEVEL's, unless one is given here."""
        level = self._loglevel and _LEVELS.get(self._loglevel.upper(), self._loglevel.upper())
        return WorkerProcess(
            cast("WorkerApp", self.app),
            loglevel=level,
            debug=self.debug,
            blocking_timeout=self.blocking_timeout,
            console_port=self.console_port,
            loop=loop,
        )

    def on_worker_created(self, worker: Worker) -> None:
        """Print no banner."""
