"""Who may ask for what: tokens for programs, sessions for the pages, and what keeps other sites out.

The API and the pages use the same; neither looks into a token or a cookie itself.
"""

from app.access.access_log import AccessLog, access_log_of
from app.access.asking import Asks, PageAsks
from app.access.client_address import TrustedProxies, client_address, forwarded_address, network_of
from app.access.ended_sessions import EndedSessions
from app.access.errors import (
    AuthError,
    ForgedRequest,
    KeysUnavailable,
    NotAllowed,
    NotSignedIn,
    ProviderUnavailable,
    ShownElsewhere,
    SignInDenied,
    SignInNeeded,
    SignInRefused,
)
from app.access.issuer_keys import IssuerKeys
from app.access.limited_routes import LimitedAsks, LimitedRoute
from app.access.openid import CALLBACK_PATH
from app.access.origin import own_path
from app.access.provider_sign_in import (
    PENDING_COOKIE,
    begin_at_provider,
    begin_session_of_who_came_back,
    pending_sign_in,
    remember_pending,
)
from app.access.rate_limits import LimitCounters, RateLimits, TooManyRequests
from app.access.requests import (
    CSRF_FIELD,
    CSRF_HEADER,
    SESSION_COOKIE,
    Authenticator,
    authenticator_of,
    begin_session,
    cookie_place,
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
    "CALLBACK_PATH",
    "CSRF_FIELD",
    "CSRF_HEADER",
    "PENDING_COOKIE",
    "SESSION_COOKIE",
    "AccessLog",
    "Asks",
    "AuthError",
    "Authenticator",
    "EndedSessions",
    "ForgedRequest",
    "IssuerKeys",
    "KeysUnavailable",
    "LimitCounters",
    "LimitedAsks",
    "LimitedRoute",
    "NotAllowed",
    "NotSignedIn",
    "PageAsks",
    "ProviderUnavailable",
    "RateLimits",
    "ShownElsewhere",
    "SignInDenied",
    "SignInNeeded",
    "SignInRefused",
    "TooManyRequests",
    "TrustedProxies",
    "access_log_of",
    "authenticator_of",
    "begin_at_provider",
    "begin_session",
    "begin_session_of_who_came_back",
    "client_address",
    "cookie_place",
    "csrf_token",
    "current_session",
    "end_session",
    "forget_session",
    "forwarded_address",
    "mint",
    "network_of",
    "own_path",
    "pending_sign_in",
    "remember_pending",
    "require_caller",
    "require_page_caller",
    "session_of",
    "sign_in",
]
