"""Signing in by the identity provider or a token, and out. What makes either good is `app.access`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import access as auth
from app.access import (
    AuthError,
    KeysUnavailable,
    NotSignedIn,
    ProviderUnavailable,
    SignInDenied,
    SignInRefused,
    own_path,
)
from app.web import addresses
from app.web.problems import PageRoute, headers_of
from app.web.rendering import render

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(addresses.SIGN_IN)
async def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Show how to sign in; the page's script takes a token from a sign-in link."""
    await auth.current_session(request)
    return _page(request, next)


@router.post(addresses.SIGN_IN)
async def sign_in(
    request: Request,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002  its name in the form
) -> Response:
    """Begin a session and go on, or say why not."""
    response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
    try:
        await auth.begin_session(request, response, await auth.sign_in(request, token))
    except (NotSignedIn, KeysUnavailable) as error:
        return _page(request, next, error, about="token")
    return response


@router.get(addresses.SIGN_IN_BY_PROVIDER)
async def sign_in_by_provider(request: Request, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Send the browser to the identity provider. By a link: no form may lead to another site."""
    try:
        address, pending = await auth.begin_at_provider(request, next)
    except ProviderUnavailable as error:
        return _page(request, next, error, about="provider")
    response = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    auth.remember_pending(request, response, pending)
    return response


@router.get(auth.CALLBACK_PATH)
async def come_back(request: Request) -> Response:
    """Begin a session for who comes back from the identity provider and go on, or say why not."""
    pending = auth.pending_sign_in(request)
    back_to = pending.back_to if pending else addresses.SURVEYS
    response = RedirectResponse(back_to, HTTPStatus.SEE_OTHER)
    try:
        await auth.begin_session_of_who_came_back(request, response)
    except (SignInRefused, SignInDenied, ProviderUnavailable) as error:
        return _page(request, back_to, error, about="provider")
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session; while that cannot be done, have this browser forget it, and say so."""
    response: Response
    if await auth.end_session(request):
        response = RedirectResponse(addresses.SIGN_IN, HTTPStatus.SEE_OTHER)
    else:
        request.state.session = None
        response = _page(request, addresses.SURVEYS, is_half_out=True)
    auth.forget_session(request, response)
    return response


def _page(
    request: Request,
    back_to: str,
    error: AuthError | None = None,
    *,
    about: str = "",
    is_half_out: bool = False,
) -> Response:
    """Return the sign-in page.

    Args:
        request: what it answers.
        back_to: the path to go on to.
        error: why nobody is signed in.
        about: what that is about: the token or the provider.
        is_half_out: whether a session could not be ended.
    """
    authenticator = auth.authenticator_of(request)
    status = error.answer.status if error else HTTPStatus.OK
    page = render(
        request,
        "sign_in/templates/sign_in.html",
        status=HTTPStatus.SERVICE_UNAVAILABLE if is_half_out else status,
        next=own_path(back_to),
        provider=authenticator.provider.name if authenticator.provider else None,
        takes_tokens=authenticator.takes_tokens,
        errors={about: str(error)} if error else {},
        is_half_out=is_half_out,
    )
    if error:
        page.headers.update(headers_of(error.answer))
    return page
