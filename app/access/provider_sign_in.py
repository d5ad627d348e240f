"""Signing in by the identity provider, as a browser does it: there with a cookie, and back with a code."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from app.access.errors import NotSignedIn, ProviderUnavailable, SignInDenied, SignInRefused
from app.access.openid import PENDING_FOR_S
from app.access.requests import authenticator_of, begin_session, cookie_place, ended_sessions_of

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response

    from app.access.openid import IdentityProvider, PendingSignIn
    from models.access import Caller

log = logging.getLogger(__name__)

PENDING_COOKIE = "chatlog_sign_in"


def provider_of(request: Request) -> IdentityProvider:
    """Return by which provider people sign in here.

    Raises:
        HTTPException: answered with 404; by none.
    """
    provider = authenticator_of(request).provider
    if provider is None:
        raise HTTPException(404)
    return provider


async def begin_at_provider(request: Request, back_to: str) -> tuple[str, PendingSignIn]:
    """Return where the provider lets a person sign in, and what to have the browser `remember_pending`.

    Raises:
        ProviderUnavailable: it does not say.
    """
    provider = provider_of(request)
    pending = provider.pending.begin(back_to)
    return await provider.address_for(pending), pending


def remember_pending(request: Request, response: Response, pending: PendingSignIn) -> None:
    """Have the browser carry a sign-in until it comes back from the provider."""
    cookie = provider_of(request).pending.cookie_of(pending)
    response.set_cookie(PENDING_COOKIE, cookie, max_age=PENDING_FOR_S, **_place(request))


def pending_sign_in(request: Request) -> PendingSignIn | None:
    """Return the sign-in that this browser began; None if it began none, or too long ago."""
    cookie = request.cookies.get(PENDING_COOKIE)
    return provider_of(request).pending.read(cookie) if cookie else None


async def begin_session_of_who_came_back(request: Request, response: Response) -> None:
    """Have a browser that comes back from the provider keep a session, as the answer to what it began.

    An answer counts once, whatever becomes of it; what it was refused for is in the log.

    Raises:
        SignInRefused: the answer is forged, too old, or comes again.
        SignInDenied: the provider said no, or tells nothing that anybody is known by here.
        ProviderUnavailable: it does not answer as it should.
        ServiceDown: nobody can say whether the answer comes again.
    """
    try:
        caller = await _who_came_back(request)
    except (SignInRefused, ProviderUnavailable) as error:
        log.warning("Nobody is signed in by the identity provider's answer", extra={"error": error.reason})
        raise
    try:
        await begin_session(request, response, caller)
    except NotSignedIn as error:
        raise SignInDenied(str(error)) from None
    response.delete_cookie(PENDING_COOKIE, **_place(request))


async def _who_came_back(request: Request) -> Caller:
    provider = provider_of(request)
    pending = pending_sign_in(request)
    if pending is None:
        raise SignInRefused("this browser began no sign-in, or too long ago")
    code = await provider.code_in(request.query_params.multi_items(), pending)
    if not await ended_sessions_of(request).use_up(pending):
        raise SignInRefused("the answer comes again")
    return await provider.caller_of(code, pending)


def _place(request: Request) -> dict[str, Any]:
    return cookie_place(authenticator_of(request)) | {"path": "/sign-in"}
