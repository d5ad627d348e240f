"""Who asks, found in a request: dependencies for the routes of the API and of the pages.

A bearer token counts before a session. A write with a session must come from a page of that session: it
carries the session's CSRF token, and what the browser says of its origin must agree. A write with a bearer
token needs neither, since no other site can make a browser send one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app.auth.errors import ForgedRequest, NotSignedIn, SignInNeeded
from app.auth.identity import Identity
from app.auth.origin import is_from_our_pages, own_path
from app.auth.sessions import Session, Sessions
from app.auth.tokens import TokenReader
from app.settings import ConfigurationError

if TYPE_CHECKING:
    from starlette.responses import Response

    from app.settings import Settings

SESSION_COOKIE = "chatlog_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    bearerFormat="JWT",
    description="A token whose email address is the owner's; `chatlog token` makes one.",
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"The session of the pages. Writes carry its CSRF token in {CSRF_HEADER}.",
)


class Authenticator:
    """What requests are measured by; one in each process.

    Args:
        settings: keys, and the address that browsers know.

    Raises:
        ConfigurationError: nobody could ever sign in.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.api_jwt_secret is None and settings.api_jwks_url is None:
            raise ConfigurationError(
                "API_JWT_SECRET and API_JWKS_URL are not set: nobody could sign in; accepted: at least 32 "
                "random characters, or the URL of a key server (RS256, ES256)"
            )
        self.tokens = TokenReader(settings)
        self.sessions = Sessions(settings)
        self.public_url = settings.api_public_url

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by https, so that the cookie must not travel otherwise."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"


def authenticator_of(request: Request) -> Authenticator:
    """Return what `app.api.create_app` put there."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


async def require_identity(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    cookie: Annotated[str | None, Depends(_cookie)],
) -> Identity:
    """Return who asks, for the API.

    Raises:
        NotSignedIn: answered with 401.
        ForgedRequest: answered with 403.
        KeysUnavailable: answered with 503.
    """
    if bearer is not None:
        return Identity(await authenticator_of(request).tokens.email_of(bearer.credentials))
    if request.headers.get("authorization"):
        # Not what was asked for; a session beside it is not what was meant.
        raise NotSignedIn("Send the token as: Authorization: Bearer <token>.")
    session = authenticator_of(request).sessions.read(cookie) if cookie else None
    if session is None:
        raise NotSignedIn("Sign in, or send a token as: Authorization: Bearer <token>.")
    await _check_is_ours(request, session)
    return Identity(session.email)


async def require_page_identity(request: Request) -> Identity:
    """Return who asks, for the pages, by their session alone.

    Raises:
        SignInNeeded: answered by going to `/sign-in?next=<this page>`.
        ForgedRequest: answered with 403.
    """
    session = session_of(request)
    if session is None:
        back_to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(own_path(back_to) if request.method == "GET" else own_path(None))
    await _check_is_ours(request, session)
    return Identity(session.email)


def session_of(request: Request) -> Session | None:
    """Return the session that a request comes with, if it is good."""
    cookie = request.cookies.get(SESSION_COOKIE)
    return authenticator_of(request).sessions.read(cookie) if cookie else None


def csrf_token(request: Request) -> str:
    """Return what the forms of this page must carry (`csrf_token`); empty without a session."""
    session = session_of(request)
    return authenticator_of(request).sessions.csrf_token(session) if session else ""


async def sign_in(request: Request, token: str) -> Identity:
    """Return whose token it is that a person signs in with; begin the session by `session_cookie_for`.

    Raises:
        NotSignedIn: the token does not count.
        ForgedRequest: another site sent it, to have a visitor work in an account that isn't theirs.
        KeysUnavailable: nobody can say whether it counts: try again.
    """
    authenticator = authenticator_of(request)
    if not is_from_our_pages(request, authenticator.public_url):
        raise ForgedRequest("This was not sent by our sign-in page: open it and sign in there.")
    return Identity(await authenticator.tokens.email_of(token.strip()))


def session_cookie_for(request: Request, email: str) -> dict[str, Any]:
    """Return the arguments of `Response.set_cookie` that begin a session."""
    authenticator = authenticator_of(request)
    return {
        "key": SESSION_COOKIE,
        "value": authenticator.sessions.begin(email),
        "max_age": authenticator.sessions.lifetime_s,
        **_cookie_place(authenticator),
    }


def end_session(request: Request, response: Response) -> None:
    """Have the browser forget its session: sign-out, by a route that takes `PageOwner` as every write."""
    response.delete_cookie(SESSION_COOKIE, **_cookie_place(authenticator_of(request)))


def _cookie_place(authenticator: Authenticator) -> dict[str, Any]:
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": authenticator.is_https}


async def _check_is_ours(request: Request, session: Session) -> None:
    if request.method in _READS:
        return
    authenticator = authenticator_of(request)
    if not is_from_our_pages(request, authenticator.public_url):
        raise ForgedRequest("This was sent by another site: use our own pages.")
    if not authenticator.sessions.is_csrf_token(session, await _presented_csrf_token(request)):
        raise ForgedRequest(f"The CSRF token is missing or out of date ({CSRF_HEADER}): load the page again.")


async def _presented_csrf_token(request: Request) -> str:
    if header := request.headers.get(CSRF_HEADER):
        return header
    if request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        return field if isinstance(field, str) else ""
    return ""


#: For signatures of routes.
Owner = Annotated[Identity, Depends(require_identity)]
PageOwner = Annotated[Identity, Depends(require_page_identity)]
