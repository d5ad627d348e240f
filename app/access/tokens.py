"""Bearer tokens: JSON Web Tokens signed with API_JWT_SECRET, or by a key of API_JWKS_URL.

Which algorithm counts is fixed by the kind of key, never by the token: a secret verifies what
API_JWT_ALGORITHM names (HS256, unless it is set), an RSA key RS256 only, a P-256 key ES256 only; `none` has
no key. Sessions are `app.access.sessions`, with other keys.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt

from app.access.claims import ClaimNames, caller_of, claims_of
from app.access.errors import NotSignedIn
from app.access.issuer_keys import IssuerKeys

if TYPE_CHECKING:
    from datetime import timedelta

    from jwt.types import Options

    from app.settings.api import ApiSettings
    from models.access import Caller

_TOKEN_MAX = 16 * 1024
#: How far the clocks of issuers, replicas and this machine may be apart: a token or session that has begun or
#: has not yet ended by one of them counts by all.
CLOCKS_DIFFER_S = 30
#: How many tokens that the secret signed are known again, and for how long: a program sends its own with each
#: of hundreds of requests a second, and to verify it takes a fifth of the time of one.
_KNOWN_MAX = 1_000
_KNOWN_FOR_S = 60.0


class TokenReader:
    """Tells whose a token is.

    Attributes:
        keys: of API_JWKS_URL, if it is set.

    Args:
        api: the secret, the key server, and what `iss`, `aud` and the claims of callers must be.
    """

    def __init__(self, api: ApiSettings) -> None:
        self._secret = api.jwt_secret
        self._secrets_algorithm = api.jwt_algorithm
        self._issuer = api.jwt_issuer
        self._audience = api.jwt_audience
        self._names = ClaimNames.of(api)
        url = api.jwks_url
        self.keys = IssuerKeys(url, setting="API_JWKS_URL") if url else None
        #: Callers of good tokens of the secret, with when to look again.
        self._known: dict[str, tuple[Caller, float]] = {}

    async def caller_of(self, token: str) -> Caller:
        """Return whom a good token names.

        Raises:
            NotSignedIn: the token is expired, forged, of another issuer or audience, or names nobody.
            KeysUnavailable: the key server does not answer.
        """
        caller, until = self._known.get(token, (None, 0.0))
        if caller is not None and time.time() < until:
            return caller
        key, algorithm = await self._key_of(token)
        options: Options = {
            "require": ["exp"],
            "verify_aud": self._audience is not None,
            # Says when it was made; clocks differ, and nothing depends on it.
            "verify_iat": False,
        }
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                issuer=self._issuer,
                audience=self._audience,
                leeway=CLOCKS_DIFFER_S,
                options=options,
            )
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("The token has expired: get a new one.") from None
        except jwt.ImmatureSignatureError:
            raise NotSignedIn(
                f"The token does not count yet: it begins (nbf) more than {CLOCKS_DIFFER_S} s from now by "
                "this server's clock. Wait, or have the clocks of its issuer and of this server compared."
            ) from None
        except (jwt.PyJWTError, ValueError):
            raise _not_accepted() from None
        caller = caller_of(claims, self._names)
        if algorithm == self._secrets_algorithm:
            self._know(token, caller, float(claims["exp"]))
        return caller

    def _know(self, token: str, caller: Caller, expires: float) -> None:
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[token] = caller, min(expires + CLOCKS_DIFFER_S, time.time() + _KNOWN_FOR_S)

    async def _key_of(self, token: str) -> tuple[Any, str]:
        try:
            if len(token) > _TOKEN_MAX:
                raise _not_accepted()
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise _not_accepted() from None
        if header.get("alg") == self._secrets_algorithm and self._secret is not None:
            return self._secret.get_secret_value(), self._secrets_algorithm
        found = await self.keys.key_of(header) if self.keys is not None else None
        if found is None:
            raise _not_accepted()
        return found


def mint(api: ApiSettings, caller: Caller, lifetime: timedelta) -> str:
    """Return a token for `caller` that the API accepts for so long.

    Raises:
        ValueError: there is no API_JWT_SECRET to sign it with.
    """
    if api.jwt_secret is None:
        raise ValueError("API_JWT_SECRET is not set")
    now = int(time.time())
    claims: dict[str, Any] = {
        **claims_of(caller, ClaimNames.of(api)),
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
    }
    if api.jwt_issuer:
        claims["iss"] = api.jwt_issuer
    if api.jwt_audience:
        claims["aud"] = api.jwt_audience
    return jwt.encode(claims, api.jwt_secret.get_secret_value(), algorithm=api.jwt_algorithm)


def _not_accepted() -> NotSignedIn:
    return NotSignedIn("The token is not accepted: sign in again, or get a new one.")
