"""The public keys of an issuer, from API_JWKS_URL: who asks with a known key never waits for that server.

Known keys go on to count while it is asked again, and for a day if it does not answer. Whoever needs a key
that is not known waits for one answer, together with all others who do; if none came, the next ones are told
so at once, for a while. PyJWT reads the keys. Its client, which asks under one lock, from a thread of each
request, and for as long as bytes drip in, would let requests queue behind a server that hangs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from http import HTTPStatus

import aiohttp
import jwt

from app.access.errors import KeysUnavailable
from sinks.trouble import Trouble

log = logging.getLogger(__name__)

#: How long the server may take for the whole of its answer, and how long that may be.
ANSWER_WITHIN_S = 5.0
ANSWER_MAX_BYTES = 256 * 1024
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


class _Unusable(Exception):
    """The server has answered, but with no keys; the message says with what, for the log."""


class IssuerKeys:
    """Has the keys that tokens of an issuer are verified with.

    Attributes:
        is_well: whether the server answered when it was last asked; None before.

    Args:
        url: where they are published, as a JSON Web Key Set.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self.is_well: bool | None = None
        # By the monotonic clock: of the last answer, of the last attempt, of the next one at the earliest.
        self._answered = self._asked = self._ask_from = -math.inf
        self._trouble = Trouble(log, over="The keys of API_JWKS_URL can be had again")
        #: The attempt under way: set by who begins it, cleared by itself, shared by all who wait.
        self._asking: asyncio.Task[None] | None = None

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
            self._keys = await self._fetch()
        except Exception as error:  # noqa: BLE001  whatever a foreign server sends, those who wait are answered
            self._note_failure(error)
        else:
            self._note_answer()
        finally:
            self._asking = None

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with (
            # As operators expect it: by the proxy that the environment names.
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            # Elsewhere are other keys than those of the address that was set.
            session.get(self._url, allow_redirects=False) as answer,
        ):
            if answer.status != HTTPStatus.OK:
                raise _Unusable(f"it answers with status {answer.status}")
            body = bytearray()
            async for some in answer.content.iter_any():
                body += some
                if len(body) > ANSWER_MAX_BYTES:
                    raise _Unusable(f"its answer has more than {ANSWER_MAX_BYTES} bytes")
        return _read(body)

    def _note_answer(self) -> None:
        now = time.monotonic()
        self._trouble.end()
        self.is_well = True
        self._answered = self._asked = now
        self._ask_from = now + ASK_AGAIN_AFTER_S

    def _note_failure(self, error: Exception) -> None:
        now = time.monotonic()
        self._trouble.note(
            "The keys of API_JWKS_URL cannot be had; known ones count for a day: check the address and "
            "the way to it",
            {"error": str(error) if isinstance(error, _Unusable) else repr(error)},
        )
        self.is_well = False
        self._asked = now
        self._ask_from = now + TRY_AGAIN_AFTER_S


def _read(body: bytes | bytearray) -> dict[str, jwt.PyJWK]:
    """Return the keys to verify signatures with, by their names."""
    content = json.loads(body)
    if not isinstance(content, dict):
        raise _Unusable("its answer is no key set")
    keys = jwt.PyJWKSet.from_dict(content).keys
    named: dict[str, jwt.PyJWK] = {}
    for key in keys:
        if isinstance(key.key_id, str) and key.public_key_use in {"sig", None}:
            named.setdefault(key.key_id, key)
    if not named:
        raise _Unusable("its key set has no key to verify signatures with")
    return named
