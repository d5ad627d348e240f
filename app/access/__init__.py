"""Who may ask for what: tokens for programs, sessions for the pages, and what keeps other sites out.

The API and the pages use the same; neither looks into a token or a cookie itself.
"""

from app.access.ended_sessions import EndedSessions
from app.access.errors import AuthError, ForgedRequest, KeysUnavailable, NotSignedIn, SignInNeeded
from app.access.identity import Identity
from app.access.issuer_keys import IssuerKeys
from app.access.origin import own_path
from app.access.requests import (
    CSRF_FIELD,
    CSRF_HEADER,
    SESSION_COOKIE,
    Authenticator,
    Owner,
    PageOwner,
    begin_session,
    csrf_token,
    current_session,
    end_session,
    forget_session,
    require_identity,
    require_page_identity,
    session_of,
    sign_in,
)
from app.access.tokens import mint

__all__ = [
    "CSRF_FIELD",
    "CSRF_HEADER",
    "SESSION_COOKIE",
    "AuthError",
    "Authenticator",
    "EndedSessions",
    "ForgedRequest",
    "Identity",
    "IssuerKeys",
    "KeysUnavailable",
    "NotSignedIn",
    "Owner",
    "PageOwner",
    "SignInNeeded",
    "begin_session",
    "csrf_token",
    "current_session",
    "end_session",
    "forget_session",
    "mint",
    "own_path",
    "require_identity",
    "require_page_identity",
    "session_of",
    "sign_in",
]
