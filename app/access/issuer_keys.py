"""The public keys of an issuer, from its key server: who asks with a known key never waits for that server.

Known keys go on to count while it is asked again, and for a day if it does not answer. Whoever needs a key
that is not known waits for one answer, together with all others who do; if none came, the next ones are told
so at once, for a while. PyJWT reads the keys. Its client, which asks under one lock, from a thread of each
request, and for as long as bytes drip in, would let requests queue behind a server that hangs.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import jwt

from app.access.errors import KeysUnavailable
from app.access.foreign_servers import UnusableAnswer, ask
from sinks.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

#: Then the keys are asked for again, and those that are known count meanwhile.
GOOD_FOR_S = 300.0
#: Known keys wait for the answer nevertheless if nobody has asked for so long: some may be withdrawn.
UNASKED_S = 600.0
#: How long keys count that the server no longer confirms: it, or the way to it, may be down for a night.
KEPT_FOR_S = 24 * 3600.0
#: The server is asked no sooner again: after an answer, since anyone can make up names of keys; after none,
#: since each time requests may wait.
ASK_AGAIN_AFTER_S = 30.0
TRY_AGAIN_AFTER_S = 10.0
#: What counts for each kind of key, whatever a token says.
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256"}


class IssuerKeys:
    """Has the keys that tokens of an issuer are verified with.

    Attributes:
        url: where they are published.
        is_well: whether the server answered when it was last asked; None before.

    Args:
        url: where they are published, as a JSON Web Key Set.
        setting: the variable by which this address is known to who runs us, for the log.
    """

    def __init__(self, url: str, *, setting: str) -> None:
        self.url = url
        self._setting = setting
        self._keys: dict[str, jwt.PyJWK] = {}
        self.is_well: bool | None = None
        # By the monotonic clock: of the last answer, of the last attempt, of the next one at the earliest.
        self._answered = self._asked = self._ask_from = -math.inf
        self._trouble = Trouble(log, over=f"The keys of {setting} can be had again")
        #: The attempt under way: set by who begins it, cleared by itself, shared by all who wait.
        self._asking: asyncio.Task[None] | None = None

    async def key_of(self, header: Mapping[str, Any]) -> tuple[jwt.PyJWK, str] | None:
        """Return the key that a token names in its header, and the one algorithm that its kind allows.

        None if the issuer has no such key, or the token goes by another algorithm.

        Raises:
            KeysUnavailable: the key is not known, and the server does not say.
        """
        name, algorithm = header.get("kid"), header.get("alg")
        if not isinstance(name, str) or algorithm not in _ALGORITHMS.values():
            return None
        key = await self.find(name)
        # Shared secrets have no place among public keys, and no algorithm here.
        counts = _ALGORITHMS.get(str(key.key_type)) if key is not None else None
        return (key, counts) if key is not None and counts is not None else None

    async def find(self, name: str) -> jwt.PyJWK | None:
        """Return the key of this name (`kid`); None if the issuer has none.

        Raises:
            KeysUnavailable: it is not known, and the server does not say.
        """
        now = time.monotonic()
        key = self._known(name)
        if key is not None and now - self._answered < GOOD_FOR_S:
            return key
        if self._asking is None and now >= self._ask_from:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and (key is None or now - self._asked > UNASKED_S):
            # Shielded: a client that goes away takes nothing from the others who wait.
            await asyncio.shield(self._asking)
            key = self._known(name)
        if key is None and not self.is_well:
            raise KeysUnavailable(retry_after_s=max(1, math.ceil(self._ask_from - time.monotonic())))
        return key

    async def stop(self) -> None:
        """End an attempt that is under way."""
        if (asking := self._asking) is not None:
            asking.cancel()
            await asyncio.wait([asking])

    def _known(self, name: str) -> jwt.PyJWK | None:
        return self._keys.get(name) if time.monotonic() - self._answered < KEPT_FOR_S else None

    async def _ask(self) -> None:
        try:
            self._keys = await fetch_keys(self.url)
        except Exception as error:  # noqa: BLE001  whatever a foreign server sends, those who wait are answered
            self._note_failure(error)
        else:
            self._note_answer()
        finally:
            self._asking = None

    def _note_answer(self) -> None:
        now = time.monotonic()
        self._trouble.end()
        self.is_well = True
        self._answered = self._asked = now
        self._ask_from = now + ASK_AGAIN_AFTER_S

    def _note_failure(self, error: Exception) -> None:
        now = time.monotonic()
        self._trouble.note(
            f"The keys of {self._setting} cannot be had; known ones count for a day: check the address and "
            "the way to it",
            {"error": str(error) if isinstance(error, UnusableAnswer) else repr(error)},
        )
        self.is_well = False
        self._asked = now
        self._ask_from = now + TRY_AGAIN_AFTER_S


async def fetch_keys(url: str) -> dict[str, jwt.PyJWK]:
    """Return the keys that are published there to verify signatures with, by their names.

    Raises:
        UnusableAnswer: there are none, or no answer comes.
        jwt.PyJWTError: none of them can be read.
    """
    answer = await ask(url)
    if answer.status != HTTPStatus.OK:
        raise UnusableAnswer(f"it answers with status {answer.status}")
    content = answer.json_object()
    if content is None:
        raise UnusableAnswer("its answer is no key set")
    keys = jwt.PyJWKSet.from_dict(content).keys
    named: dict[str, jwt.PyJWK] = {}
    for key in keys:
        if isinstance(key.key_id, str) and key.public_key_use in {"sig", None}:
            named.setdefault(key.key_id, key)
    if not named:
        raise UnusableAnswer("its key set has no key to verify signatures with")
    return named
