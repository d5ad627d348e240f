"""The API process of a run, and the link that signs a person in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from app.access import mint
from app.local.child import Child
from app.local.environment import environment_of
from app.web.public_address import address_of
from models.access import Caller, CallerRole

if TYPE_CHECKING:
    from app.local.directory import RunDirectory
    from app.local.ports import Port
    from app.settings import Settings

#: How long the printed link counts: the secret behind it ends with the run, unless a person set it.
_LINK_COUNTS = timedelta(days=7)


class Api(Child):
    """The process that serves the REST API and the pages."""

    def __init__(self, settings: Settings, port: Port, directory: RunDirectory) -> None:
        """Describe the process; nothing is started.

        Args:
            settings: as it shall read them, with a secret for tokens.
            port: where it listens; released when it is stopped.
            directory: where its log is added to.
        """
        self._served = settings.replace(api={"port": port.number})
        super().__init__(
            "The API",
            ["api"],
            environment_of(self._served),
            host=settings.api.host,
            port=port,
            directory=directory,
        )

    @property
    def address(self) -> str:
        """The URL that people reach it by."""
        return address_of(self._served.api)

    def token_for(self, email: str) -> str:
        """Return a token of an owner who may do whatever anybody may."""
        return mint(self._served.api, Caller(email, roles=frozenset(CallerRole)), _LINK_COUNTS)

    def sign_in_link(self, email: str) -> str:
        """Return the link that signs in to the pages as an owner."""
        return f"{self.address}/sign-in#token={self.token_for(email)}"
