"""Sessions of the pages: what the cookie holds, and the token that its forms must carry (CSRF).

Signed, not stored: any replica can read a session that another began. `app.access.ended_sessions` knows which
ended before their time. The keys are derived for this purpose alone, so that no API token is a session and no
session an API token, even where both have one secret.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jwt

from app.access.claims import ClaimNames, caller_of, claims_of
from app.access.errors import NotSignedIn
from app.access.tokens import CLOCKS_DIFFER_S
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from app.settings.api import ApiSettings
    from models.access import Caller

#: Carried between a page and us, and nowhere else.
_AUDIENCE = "chatlog-pages"
_ALGORITHM = "HS256"
_NAMES = ClaimNames(
    email="sub", user="id", tenant="tenant", roles="roles", scope="scope", learners="learner_scope"
)
#: Browsers keep cookies of 4,096 bytes, name and attributes included, and drop longer ones without a word.
_COOKIE_MAX = 3800


@dataclass(frozen=True, slots=True)
class Session:
    """One signing-in.

    Attributes:
        caller: whose, and what they may.
        id: what tells it from any other; random.
        ends: when it is over by itself.
    """

    caller: Caller
    id: str
    ends: datetime


class Sessions:
    """Begins sessions and reads them.

    Args:
        api: the secret and for how long.

    Raises:
        ConfigurationError: there is no secret to sign sessions with.
    """

    def __init__(self, api: ApiSettings) -> None:
        secret = session_secret(api)
        # The second: a session of the first kind did not say what its caller may.
        self._session_key = _derive(secret, "session key 2")
        self._csrf_key = _derive(secret, "csrf key 1")
        self.lifetime_s = int(api.session_hours * 3600)

    def begin(self, caller: Caller) -> str:
        """Return the value of a new session's cookie.

        Raises:
            NotSignedIn: their scope is longer than a cookie can be; a token has more room.
        """
        now = int(time.time())
        claims = {
            **claims_of(caller, _NAMES),
            "jti": secrets.token_urlsafe(16),
            "aud": _AUDIENCE,
            "exp": now + self.lifetime_s,
        }
        cookie = jwt.encode(claims, self._session_key, algorithm=_ALGORITHM)
        if len(cookie) > _COOKIE_MAX:
            raise NotSignedIn(
                "The scope of this token is too long for the pages: use it with the API, or shorten it."
            )
        return cookie

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if it is none of ours, or over by itself."""
        try:
            claims = jwt.decode(
                cookie,
                self._session_key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                leeway=CLOCKS_DIFFER_S,
                options={"require": ["exp", "sub", "jti"], "verify_iat": False},
            )
            caller = caller_of(claims, _NAMES)
        except (jwt.InvalidTokenError, NotSignedIn, ValueError):
            return None
        return Session(caller, claims["jti"], datetime.fromtimestamp(claims["exp"], UTC))

    def csrf_token(self, session: Session) -> str:
        """Return what a write with this session must carry; another site cannot know it."""
        return hmac.new(self._csrf_key, session.id.encode(), "sha256").hexdigest()

    def is_csrf_token(self, session: Session, presented: str) -> bool:
        """Tell whether a write carries this session's token."""
        # A form may say of itself that it is written in whatever, so there may be letters that are none.
        return presented.isascii() and hmac.compare_digest(presented, self.csrf_token(session))


def session_secret(api: ApiSettings) -> str:
    """Return what the keys of sessions, and of signing in, are derived from.

    Raises:
        ConfigurationError: there is none.
    """
    secret = api.session_secret or api.jwt_secret
    if secret is None:
        raise ConfigurationError(
            "API_SESSION_SECRET is not set: the sessions of the pages cannot be signed; accepted: at "
            "least 32 random characters, the same for every replica (API_JWT_SECRET serves as well)"
        )
    return secret.get_secret_value()


def _derive(secret: str, purpose: str) -> bytes:
    return hmac.new(secret.encode(), f"chatlog {purpose}".encode(), "sha256").digest()
