"""Who may ask for what: tokens for programs, sessions for the pages, and what keeps other sites out.

The API and the pages use the same; neither looks into a token or a cookie itself.
"""

from app.access.asking import Asks, PageAsks
from app.access.ended_sessions import EndedSessions
from app.access.errors import (
    AuthError,
    ForgedRequest,
    KeysUnavailable,
    NotAllowed,
    NotSignedIn,
    SignInNeeded,
)
from app.access.issuer_keys import IssuerKeys
from app.access.origin import own_path
from app.access.requests import (
    CSRF_FIELD,
    CSRF_HEADER,
    SESSION_COOKIE,
    Authenticator,
    begin_session,
    csrf_token,
    current_session,
    end_session,
    forget_session,
    require_caller,
    require_page_caller,
    session_of,
    sign_in,
)
from app.access.tokens import mint

__all__ = [
    "CSRF_FIELD",
    "CSRF_HEADER",
    "SESSION_COOKIE",
    "Asks",
    "AuthError",
    "Authenticator",
    "EndedSessions",
    "ForgedRequest",
    "IssuerKeys",
    "KeysUnavailable",
    "NotAllowed",
    "NotSignedIn",
    "PageAsks",
    "SignInNeeded",
    "begin_session",
    "csrf_token",
    "current_session",
    "end_session",
    "forget_session",
    "mint",
    "own_path",
    "require_caller",
    "require_page_caller",
    "session_of",
    "sign_in",
]
