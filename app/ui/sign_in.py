"""Signing in by a token, and out. What makes a token good is `app.auth`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import auth
from app.auth import NotSignedIn, PageOwner, own_path
from app.ui import addresses
from app.ui.problems import PageRoute
from app.ui.rendering import render

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(addresses.SIGN_IN)
async def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Show where to paste a token; its script takes one from a sign-in link."""
    return render(request, "sign_in.html", next=own_path(next), errors={})


@router.post(addresses.SIGN_IN)
async def sign_in(
    request: Request,
    token: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002  its name in the form
) -> Response:
    """Begin a session and go on, or say why not."""
    try:
        owner = await auth.sign_in(request, token)
    except NotSignedIn as error:
        return render(
            request,
            "sign_in.html",
            status=HTTPStatus.UNAUTHORIZED,
            next=own_path(next),
            errors={"token": str(error)},
        )
    response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
    response.set_cookie(**auth.session_cookie_for(request, owner.email))
    return response


@router.post("/sign-out")
async def sign_out(request: Request, _: PageOwner) -> Response:
    """End the session."""
    response = RedirectResponse(addresses.SIGN_IN, HTTPStatus.SEE_OTHER)
    auth.end_session(request, response)
    return response
