"""Who asks, found in a request: dependencies for the routes of the API and of the pages.

A bearer token counts before a session. A write with a session must come from a page of that session: it
carries the session's CSRF token, and what the browser says of its origin must agree. A write with a bearer
token needs neither, since no other site can make a browser send one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from app.access.errors import ForgedRequest, NotSignedIn, SignInNeeded
from app.access.openid import provider_named_by
from app.access.origin import is_from_our_pages, own_path
from app.access.sessions import Session, Sessions
from app.access.tokens import TokenReader
from app.postgres.tenants import ask_for_tenant
from app.settings import ConfigurationError
from sinks.errors import SinkError

if TYPE_CHECKING:
    from starlette.responses import Response

    from app.access.ended_sessions import EndedSessions
    from app.settings.api import ApiSettings
    from app.settings.oidc import OidcSettings
    from models.access import Caller

log = logging.getLogger(__name__)

SESSION_COOKIE = "chatlog_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    bearerFormat="JWT",
    description="A token that says who asks and what they may; `chatlog token` makes one.",
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"The session of the pages. Writes carry its CSRF token in {CSRF_HEADER}.",
)


class Authenticator:
    """What requests are measured by; one in each process.

    Attributes:
        takes_tokens: whether there is a key that tokens could be good by.
        tokens: reads them.
        sessions: begins and reads the sessions of the pages.
        provider: by which people sign in, if one is set up.
        public_url: what browsers call us, if that is set.

    Args:
        api: keys, and the address that browsers know.
        oidc: the provider that people sign in by.

    Raises:
        ConfigurationError: nobody could ever sign in.
    """

    def __init__(self, api: ApiSettings, oidc: OidcSettings) -> None:
        self.takes_tokens = bool(api.jwt_secret or api.jwks_url)
        if not self.takes_tokens and oidc.issuer is None:
            raise ConfigurationError(
                "API_JWT_SECRET, API_JWKS_URL and OIDC_ISSUER are not set: nobody could sign in; accepted: "
                "at least 32 random characters, the URL of a key server (RS256, ES256), or a provider's name"
            )
        self.tokens = TokenReader(api)
        self.sessions = Sessions(api)
        self.provider = provider_named_by(oidc, api)
        self.public_url = api.public_url

    @property
    def is_https(self) -> bool:
        """Whether browsers reach us by https, so that the cookie must not travel otherwise."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"

    async def stop(self) -> None:
        """End what it does in the background."""
        if self.tokens.keys is not None:
            await self.tokens.keys.stop()
        if self.provider is not None:
            await self.provider.stop()


def authenticator_of(request: Request) -> Authenticator:
    """Return what `app.site.create_app` put there."""
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


def ended_sessions_of(request: Request) -> EndedSessions:
    """Return what `app.site.create_app` put there when the application started."""
    ended: EndedSessions = request.app.state.ended_sessions
    return ended


async def require_caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    _: Annotated[str | None, Depends(_cookie)],
) -> Caller:
    """Return who asks, for the API.

    Raises:
        NotSignedIn: answered with 401.
        ForgedRequest: answered with 403.
        KeysUnavailable: answered with 503.
        ServiceDown: the same; nobody can say whether the session has ended.
    """
    if bearer is not None:
        return _known(await authenticator_of(request).tokens.caller_of(bearer.credentials))
    if request.headers.get("authorization"):
        # Not what was asked for; a session beside it is not what was meant.
        raise NotSignedIn("Send the token as: Authorization: Bearer <token>.")
    session = await current_session(request)
    if session is None:
        raise NotSignedIn("Sign in, or send a token as: Authorization: Bearer <token>.")
    await _check_is_ours(request, session)
    return _known(session.caller)


async def require_page_caller(request: Request) -> Caller:
    """Return who asks, for the pages, by their session alone.

    Raises:
        SignInNeeded: answered by going to `/sign-in?next=<this page>`.
        ForgedRequest: answered with 403.
        ServiceDown: answered with 503; nobody can say whether the session has ended.
    """
    session = await current_session(request)
    if session is None:
        back_to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        raise SignInNeeded(own_path(back_to) if request.method == "GET" else own_path(None))
    await _check_is_ours(request, session)
    return _known(session.caller)


async def current_session(request: Request) -> Session | None:
    """Return the session that a request comes with, if it has not ended.

    Raises:
        ServiceDown: nobody can say whether it has.
    """
    session = session_of(request)
    if session is not None and await ended_sessions_of(request).has(session):
        session = None
    request.state.session = session
    return session


def session_of(request: Request) -> Session | None:
    """Return the session that a request comes with, as far as its cookie tells, whether or not it has ended.

    That is enough to show whose page it is, and not to let anybody in.
    """
    if hasattr(request.state, "session"):
        known: Session | None = request.state.session
        return known
    cookie = request.cookies.get(SESSION_COOKIE)
    return authenticator_of(request).sessions.read(cookie) if cookie else None


def csrf_token(request: Request) -> str:
    """Return what the forms of this page must carry (`csrf_token`); empty without a session."""
    session = session_of(request)
    return authenticator_of(request).sessions.csrf_token(session) if session else ""


async def sign_in(request: Request, token: str) -> Caller:
    """Return whose token it is that a person signs in with, for `begin_session`.

    Raises:
        NotSignedIn: the token does not count.
        ForgedRequest: another site sent it, to have a visitor work in an account that isn't theirs.
        KeysUnavailable: nobody can say whether it counts: try again.
    """
    authenticator = authenticator_of(request)
    if not is_from_our_pages(request, authenticator.public_url):
        raise ForgedRequest("This was not sent by our sign-in page: open it and sign in there.")
    return await authenticator.tokens.caller_of(token.strip())


async def begin_session(request: Request, response: Response, caller: Caller) -> None:
    """Have the browser keep a session of the caller's; the one that it comes with, if any, ends.

    Raises:
        NotSignedIn: their scope is too long for a session.
        ServiceDown: that one cannot be ended now.
    """
    authenticator = authenticator_of(request)
    cookie = authenticator.sessions.begin(caller)
    if (before := session_of(request)) is not None:
        await ended_sessions_of(request).add(before)
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=authenticator.sessions.lifetime_s,
        **cookie_place(authenticator),
    )


async def end_session(request: Request) -> bool:
    """End the session that a request comes with: sign-out. Have the browser `forget_session` in any case.

    Returns:
        Whether its cookie is worth nothing now, wherever there is a copy of it; if not, the database is down.

    Raises:
        ForgedRequest: answered with 403; none of our pages sent it.
    """
    session = session_of(request)
    if session is None:
        return True
    await _check_is_ours(request, session)
    try:
        await ended_sessions_of(request).add(session)
    except SinkError as error:
        log.warning("A session cannot be ended; it lasts until its time is over", extra={"error": str(error)})
        return False
    return True


def forget_session(request: Request, response: Response) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(SESSION_COOKIE, **cookie_place(authenticator_of(request)))


def cookie_place(authenticator: Authenticator) -> dict[str, Any]:
    """Return where and how browsers keep a cookie of ours: out of reach for scripts and other sites."""
    return {"path": "/", "httponly": True, "samesite": "lax", "secure": authenticator.is_https}


def _known(caller: Caller) -> Caller:
    """Return the caller; from here on, the database is asked for what is their tenant's."""
    ask_for_tenant(caller.tenant)
    return caller


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
