"""The process of a run that does what the tables need, again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.local.child import Child
from app.local.environment import environment_of

if TYPE_CHECKING:
    from app.local.directory import RunDirectory
    from app.settings import Settings

#: People look at what landed a moment ago; when nothing is to be done, a round takes some milliseconds.
EVERY = "1m"


class Maintenance(Child):
    """The process of `chatlog maintain`."""

    def __init__(self, settings: Settings, directory: RunDirectory) -> None:
        """Describe the process; nothing is started.

        Args:
            settings: as it shall read them.
            directory: where its log is added to.
        """
        super().__init__(
            "Maintenance",
            ["maintain", f"--every={EVERY}"],
            environment_of(settings),
            host=settings.api.host,
            port=None,
            directory=directory,
            log="maintain",
        )

    @property
    def readiness(self) -> str:
        """What is said of it when it is ready."""
        return f"{self.name} runs every {EVERY}"

    async def until_ready(self) -> None:
        """Make sure that it lives: it listens nowhere.

        Raises:
            UpFailed: it ended.
        """
        self.check()
