"""Signing in by a token, and out. What makes a token good is `app.access`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import access as auth
from app.access import KeysUnavailable, NotSignedIn, own_path
from app.web import addresses
from app.web.problem_pages import PageRoute
from app.web.rendering import render

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(addresses.SIGN_IN)
async def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Show where to paste a token; its script takes one from a sign-in link."""
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
    except NotSignedIn as error:
        return _page(request, next, HTTPStatus.UNAUTHORIZED, error=str(error))
    except KeysUnavailable as error:
        page = _page(request, next, HTTPStatus.SERVICE_UNAVAILABLE, error=str(error))
        page.headers["Retry-After"] = str(error.retry_after_s)
        return page
    return response


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session; while that cannot be done, have this browser forget it, and say so."""
    response: Response
    if await auth.end_session(request):
        response = RedirectResponse(addresses.SIGN_IN, HTTPStatus.SEE_OTHER)
    else:
        request.state.session = None
        response = _page(request, addresses.SURVEYS, HTTPStatus.SERVICE_UNAVAILABLE, is_half_out=True)
    auth.forget_session(request, response)
    return response


def _page(
    request: Request, back_to: str, status: int = HTTPStatus.OK, *, error: str = "", is_half_out: bool = False
) -> Response:
    return render(
        request,
        "sign_in/templates/sign_in.html",
        status=status,
        next=own_path(back_to),
        errors={"token": error} if error else {},
        is_half_out=is_half_out,
    )
