"""The worker processes of a run, each with its role, and what they have counted."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

from app.local.child import Child
from app.local.environment import environment_of_worker

if TYPE_CHECKING:
    from app.local.directory import RunDirectory
    from app.local.ports import Port
    from app.settings import Role, Settings


class Worker(Child):
    """One worker process of one role."""

    def __init__(
        self, role: Role, settings: Settings, port: Port, directory: RunDirectory, api_address: str
    ) -> None:
        """Describe the worker; nothing is started.

        Args:
            role: what it does.
            settings: as the worker shall read them.
            port: for its web views; released when the worker is stopped.
            directory: where its log is added to.
            api_address: where its views lead to the pages of the API.
        """
        super().__init__(
            f"The {role} worker",
            ["worker", role.value],
            environment_of_worker(settings, port.number, api_address),
            host=settings.web.host,
            port=port,
            directory=directory,
        )
        self._token = settings.web.token.get_secret_value() if settings.web.token else None

    async def counters(self) -> dict[str, int]:
        """Return what the worker has counted since it started; empty if it does not answer."""
        status, text = await self.ask("/api/overview", self._token)
        return dict(json.loads(text)["counters"]) if status == HTTPStatus.OK else {}
