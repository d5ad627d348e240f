"""Asks an identity provider where it does what: when somebody first signs in, and then once an hour.

No start waits for it. While it does not answer, what it last said counts for a day; who comes before it has
ever answered waits for one attempt, together with all others, and the next are told so at once for a while.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from http import HTTPStatus

from app.access.errors import ProviderUnavailable
from app.access.foreign_servers import UnusableAnswer, ask
from app.access.openid.metadata import Metadata, metadata_url, read_metadata
from sinks.trouble import Trouble

log = logging.getLogger(__name__)

#: Then it is asked again, when somebody signs in.
GOOD_FOR_S = 3600.0
#: How long its last word counts while it does not answer.
KEPT_FOR_S = 24 * 3600.0
#: After no answer, it is not asked sooner again, since each time people wait.
TRY_AGAIN_AFTER_S = 10.0


class Discovery:
    """Has the metadata of an issuer.

    Attributes:
        is_well: whether it answered when it was last asked; None before.

    Args:
        issuer: whose; its name is its address.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self.is_well: bool | None = None
        self._known: Metadata | None = None
        # By the monotonic clock: of the last answer, and of the next attempt at the earliest.
        self._answered = self._ask_from = -math.inf
        self._trouble = Trouble(log, "The metadata of OIDC_ISSUER can be had again")
        #: Held by who asks; the others find its outcome.
        self._asking = asyncio.Lock()

    async def metadata(self) -> Metadata:
        """Return what the issuer publishes about itself.

        Raises:
            ProviderUnavailable: it does not answer, or with what cannot be worked with.
        """
        if time.monotonic() >= self._ask_from:
            async with self._asking:
                if time.monotonic() >= self._ask_from:
                    await self._ask()
        if self._known is None or time.monotonic() - self._answered > KEPT_FOR_S:
            wait_s = max(1, math.ceil(self._ask_from - time.monotonic()))
            raise ProviderUnavailable("its metadata cannot be had", retry_after_s=wait_s)
        return self._known

    async def _ask(self) -> None:
        try:
            self._known = await fetch_metadata(self._issuer)
        except UnusableAnswer as error:
            self.is_well = False
            self._ask_from = time.monotonic() + TRY_AGAIN_AFTER_S
            self._trouble.note(
                "The metadata of OIDC_ISSUER cannot be had; what it last said counts for a day: check the "
                "address and the way to it",
                {"error": str(error)},
            )
        else:
            self._trouble.end()
            self.is_well = True
            self._answered = time.monotonic()
            self._ask_from = self._answered + GOOD_FOR_S


async def fetch_metadata(issuer: str) -> Metadata:
    """Ask an issuer for its metadata.

    Raises:
        UnusableAnswer: it does not answer, or with what cannot be worked with.
    """
    answer = await ask(metadata_url(issuer))
    if answer.status != HTTPStatus.OK:
        raise UnusableAnswer(f"it answers with status {answer.status}")
    return read_metadata(answer, issuer)
