"""Turns a template into an answer, with what every page has.

The headers that keep other code out of the pages are on all answers of the application, and not made here.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse

from app.access import csrf_token, session_of
from app.web import addresses
from app.web.menu import menu_of
from app.web.service import features_of
from app.web.templating import ENVIRONMENT
from app.web.theme import theme_of
from app.web.zones import chosen_zone_of, zone_of

if TYPE_CHECKING:
    from fastapi import Request

#: Not `no-referrer`, as other answers have: with that a browser says of a form that it comes from nowhere.
HEADERS = {"Referrer-Policy": "same-origin"}


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page.

    Args:
        request: what it answers; who is signed in is seen from it.
        template: its name in `templates/`.
        status: of the answer.
        context: what the template shows.
    """
    session = session_of(request)
    page = ENVIRONMENT.get_template(template).render(
        email=session.caller.email if session else None,
        menu=menu_of(session.caller if session else None, features_of(request)),
        csrf_token=csrf_token(request),
        theme=theme_of(request),
        zone=zone_of(request).key,
        chosen_zone=chosen_zone_of(request),
        shown_at=_address(request) if status == HTTPStatus.OK else addresses.OVERVIEW,
        **{"here": None} | context,
    )
    return HTMLResponse(page, status_code=status, headers=HEADERS)


def _address(request: Request) -> str:
    """Return where to come back to: what is shown, without what a form sent."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
