"""The page of people who do not want to be recorded.

Every write ends in going back to the page, so that loading it again repeats nothing.
"""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import PageAsks, access_log_of
from app.people.opt_outs import NoSuchPerson, OptOuts
from app.people.serving import KnownOptOuts
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from models.access import Action, Caller
from models.platforms import OF_MESSAGES

ADDRESS = f"{addresses.CHANNELS}/opt-outs"

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AsksToOptOut = Annotated[Caller, Depends(PageAsks(Action.OPT_OUT_PEOPLE))]
OfPlatform = Annotated[str, Form(max_length=31)]
OfPerson = Annotated[str, Form(max_length=1000)]


@router.get(ADDRESS)
async def list_(
    request: Request,
    caller: AsksToOptOut,
    opt_outs: KnownOptOuts,
    platform: Annotated[str, Query(max_length=31, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """Show who does not want to be recorded, and who did not for a time."""
    return await _show(request, caller, opt_outs, platform)


@router.post(ADDRESS)
async def opt_out(
    request: Request,
    caller: AsksToOptOut,
    opt_outs: KnownOptOuts,
    platform: OfPlatform,
    person: OfPerson = "",
) -> Response:
    """Have nothing of somebody recorded any more, or show why that cannot be."""
    person = person.strip()
    try:
        await opt_outs.opt_out(caller, platform, person, past=False)
    except NoSuchPerson as error:
        return await _show(request, caller, opt_outs, platform, person, str(error))
    await _note(request, caller, platform, person)
    return _back(platform)


@router.post(f"{ADDRESS}/end")
async def opt_in(
    request: Request, caller: AsksToOptOut, opt_outs: KnownOptOuts, platform: OfPlatform, person: OfPerson
) -> Response:
    """Record somebody again who had opted out."""
    await opt_outs.opt_in(caller, platform, person)
    await _note(request, caller, platform, person)
    return _back(platform)


async def _show(
    request: Request, caller: Caller, opt_outs: OptOuts, platform: str, person: str = "", error: str = ""
) -> Response:
    subject = {"opt_outs": platform or "all"}
    await access_log_of(request).note(caller, Action.OPT_OUT_PEOPLE, request, subject)
    # A list of one platform is asked for by its name; a form that was refused shows all.
    found = await opt_outs.find(caller, platform if platform and not error else None)
    return render(
        request,
        "people/templates/opt_outs.html",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
        here="channels",
        opt_outs=sorted(found, key=lambda one: one.until is not None),
        platform=platform,
        platforms=OF_MESSAGES,
        person=person,
        address=ADDRESS,
        errors={"person": error} if error else {},
    )


async def _note(request: Request, caller: Caller, platform: str, person: str) -> None:
    subject = {"platform": platform, "person": person}
    await access_log_of(request).note(caller, Action.OPT_OUT_PEOPLE, request, subject)


def _back(platform: str) -> Response:
    return RedirectResponse(f"{ADDRESS}?{urlencode({'platform': platform})}", HTTPStatus.SEE_OTHER)
