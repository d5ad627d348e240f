"""Sign-ins that have begun here and go on at the identity provider.

The browser carries each in a signed cookie of its own, so that any replica can end what another began, and
no other browser can. The cookie holds no secret: the nonce and the PKCE verifier come from its state and
a key of ours. That a state counts once is `app.access.ended_sessions`' matter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from app.access.origin import HOME, own_path

#: How long a person may take at the provider, a second factor and a forgotten password included.
PENDING_FOR_S = 15 * 60
#: Browsers drop a cookie of more than 4 KB, and with it the sign-in; so a longer path is left out instead.
_BACK_TO_MAX = 2000
_AUDIENCE = "chatlog-sign-in"
_ALGORITHM = "HS256"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """A sign-in that has begun and not ended.

    Attributes:
        state: what tells it from any other; random.
        back_to: the path of ours to go on to.
        ends: when it is too late to come back.
    """

    state: str
    back_to: str
    ends: datetime


class PendingSignIns:
    """Begins sign-ins, and knows again which browser began which.

    Args:
        secret: from which its keys are derived; every replica has one and the same.
    """

    def __init__(self, secret: str) -> None:
        self._cookie_key, self._nonce_key, self._verifier_key = (
            hmac.digest(secret.encode(), f"chatlog sign-in {purpose} key 1".encode(), "sha256")
            for purpose in ("cookie", "nonce", "verifier")
        )

    def begin(self, back_to: str) -> PendingSignIn:
        """Return a new sign-in that leads on to `back_to`, if that is a path of ours and not too long."""
        ends = datetime.fromtimestamp(int(time.time()) + PENDING_FOR_S, UTC)
        path = own_path(back_to) if len(back_to) <= _BACK_TO_MAX else HOME
        return PendingSignIn(secrets.token_urlsafe(32), path, ends)

    def cookie_of(self, pending: PendingSignIn) -> str:
        """Return the value of the cookie that the browser carries meanwhile."""
        claims = {
            "jti": pending.state,
            "back_to": pending.back_to,
            "aud": _AUDIENCE,
            "exp": int(pending.ends.timestamp()),
        }
        return jwt.encode(claims, self._cookie_key, algorithm=_ALGORITHM)

    def read(self, cookie: str) -> PendingSignIn | None:
        """Return the sign-in of a cookie; None if it is none of ours, or too old."""
        try:
            claims = jwt.decode(
                cookie,
                self._cookie_key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["exp", "jti", "back_to"]},
            )
        except (jwt.InvalidTokenError, ValueError):
            return None
        ends = datetime.fromtimestamp(claims["exp"], UTC)
        return PendingSignIn(claims["jti"], own_path(claims["back_to"]), ends)

    def nonce_of(self, pending: PendingSignIn) -> str:
        """Return what the ID token of this sign-in, and of no other, holds as its nonce."""
        return _derived(self._nonce_key, pending.state)

    def verifier_of(self, pending: PendingSignIn) -> str:
        """Return what shows the provider that who redeems a code is who asked for it (RFC 7636)."""
        return _derived(self._verifier_key, pending.state)


def challenge_of(verifier: str) -> str:
    """Return what the provider is told of a verifier beforehand (`S256`)."""
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _derived(key: bytes, state: str) -> str:
    return _base64url(hmac.digest(key, state.encode(), "sha256"))


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
