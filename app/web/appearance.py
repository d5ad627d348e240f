"""How pages look to one reader: light or dark, and in which zone times are. Kept in their browser alone."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.access import ForgedRequest, authenticator_of, current_session, own_path
from app.access.origin import is_from_our_pages
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from app.web.theme import THEME_COOKIE, theme_named
from app.web.zones import CHOSEN_ZONE_COOKIE, known_zone, known_zones

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_A_YEAR_S = 365 * 24 * 3600
#: What the form says for no zone in particular.
OWN_ZONE = "own"


@router.get(addresses.APPEARANCE)
async def appearance(request: Request, next: str = "/") -> Response:  # noqa: A002  its name in addresses
    """Show what can be chosen."""
    await current_session(request)
    return render(
        request,
        "web/templates/appearance.html",
        next=own_path(next),
        zones=sorted(known_zones()),
    )


@router.post(addresses.APPEARANCE)
async def choose(
    request: Request,
    theme: Annotated[str | None, Form()] = None,
    zone: Annotated[str | None, Form()] = None,
    next: Annotated[str, Form()] = "/",  # noqa: A002  its name in the form
) -> Response:
    """Keep what was chosen, and go back; what no form of ours offers changes nothing.

    Raises:
        ForgedRequest: another site sent it.
    """
    if not is_from_our_pages(request, authenticator_of(request).public_url):
        raise ForgedRequest("This was sent by another site: use our own pages.")
    response = RedirectResponse(own_path(next), HTTPStatus.SEE_OTHER)
    if theme is not None and theme_named(theme):
        _keep(request, response, THEME_COOKIE, theme)
    if zone == OWN_ZONE:
        response.delete_cookie(CHOSEN_ZONE_COOKIE)
    elif zone is not None and known_zone(zone):
        _keep(request, response, CHOSEN_ZONE_COOKIE, zone)
    return response


def _keep(request: Request, response: Response, cookie: str, value: str) -> None:
    response.set_cookie(
        cookie,
        value,
        max_age=_A_YEAR_S,
        path="/",
        httponly=True,
        samesite="lax",
        secure=authenticator_of(request).is_https,
    )
