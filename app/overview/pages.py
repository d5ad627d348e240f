"""The first page, at `/`: what goes on, and what is wrong, as far as whoever looks may know."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access import PageAsks, ShownElsewhere, access_log_of, require_page_caller
from app.conversations.rows import ConversationRow
from app.conversations.serving import Said as Talks
from app.conversations.subjects import subject_of_list
from app.exports.rows import ExportRow
from app.exports.serving import ExportServices, Serving
from app.figures.serving import KnownFigures
from app.overview.service import Goings
from app.overview.troubles import of_erasures, of_exports
from app.privacy.service import PrivacyRequests
from app.surveys.serving import KnownSurveys
from app.system.serving import Watching
from app.system.view import SystemView, Wrong, worst_first
from app.web import addresses
from app.web.problems import PageRoute
from app.web.rendering import render
from app.web.zones import zone_of
from models.access import Action, Caller, Thing, may, may_at_all
from models.reading import EVERYTHING

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class HomeAsks(PageAsks):
    """Gives the first page its caller; whoever has conversations alone is led on to them."""

    async def __call__(  # type: ignore[override]  # FastAPI gives what the signature names
        self, caller: Annotated[Caller, Depends(require_page_caller)]
    ) -> Caller:
        """Return who asks.

        Raises:
            ShownElsewhere: there is nothing for them here, but there is something elsewhere.
            NotAllowed, SignInNeeded, ForgedRequest, ServiceDown: as `PageAsks` does.
        """
        if not may_at_all(caller, self.action) and may_at_all(caller, Action.READ_MESSAGES):
            raise ShownElsewhere(addresses.CONVERSATIONS)
        return self._let_in(caller)


#: What everybody may who is a person and not here for learners; of the rest it shows what each may see.
AsksToSee = Annotated[Caller, Depends(HomeAsks(Action.SEE_FIGURES))]
LATELY_SHOWN = 8
EXPORTS_LOOKED_AT = 50
EXPORTS_SHOWN = 5


@router.get(addresses.OVERVIEW)
async def overview(
    request: Request,
    caller: AsksToSee,
    talks: Talks,
    serving: Serving,
    known: KnownSurveys,
    watching: Watching,
    figures: KnownFigures,
) -> Response:
    """Show what goes on."""
    (said, talking), lately, exports, surveys, troubles, system = await asyncio.gather(
        Goings(request.app.state.pool, figures).lately(caller, zone_of(request)),
        _lately(request, caller, talks),
        _exports(caller, serving),
        _surveys(caller, known),
        _troubles(caller, serving, request.app.state.privacy),
        _system(caller, watching),
    )
    return render(
        request,
        "overview/templates/overview.html",
        here="overview",
        said=said,
        talking=talking,
        lately=lately,
        under_way=[export for export in exports if not export.is_final][:EXPORTS_SHOWN],
        failed=[export for export in exports if export.status == "Failed"][:EXPORTS_SHOWN],
        exports=exports[:EXPORTS_SHOWN],
        may_export=may_at_all(caller, Action.USE_EXPORT),
        surveys=surveys,
        system=system,
        problems=worst_first([*troubles, *(system.problems if system else ())]),
    )


async def _troubles(caller: Caller, serving: ExportServices, requests: PrivacyRequests | None) -> list[Wrong]:
    """Return what is wrong with exports, and with what is asked for of learners, if it is asked here."""
    troubles, now = await serving.troubles.find(caller), datetime.now(UTC)
    overdue = await requests.overdue(caller) if requests is not None else None
    found = [of_exports(trouble, now) for trouble in troubles]
    return found if overdue is None else [*found, of_erasures(overdue, now)]


async def _lately(request: Request, caller: Caller, talks: Talks) -> list[ConversationRow] | None:
    """Return the conversations of late; None for who may not read them."""
    if not may_at_all(caller, Action.READ_MESSAGES):
        return None
    rows = await talks.list(caller, EVERYTHING, limit=LATELY_SHOWN)
    # What each ends with is shown.
    await access_log_of(request).note(
        caller, Action.READ_MESSAGES, request, subject_of_list(EVERYTHING, rows)
    )
    return rows


async def _exports(caller: Caller, serving: Serving) -> list[ExportRow]:
    if not may_at_all(caller, Action.USE_EXPORT) or not may(
        caller, Action.SEE_EXPORT, Thing(caller.email, caller.tenant, within=caller.scope)
    ):
        return []
    return await serving.rows.of_user(caller, caller.email, limit=EXPORTS_LOOKED_AT)


async def _surveys(caller: Caller, known: KnownSurveys) -> int | None:
    """Return how many surveys they have; None for who has to do with none."""
    return await known.count(caller) if may_at_all(caller, Action.SEE_SURVEY) else None


async def _system(caller: Caller, watching: Watching) -> SystemView | None:
    """Return how the system is; None for who may not see it."""
    return await watching.look(caller) if may(caller, Action.SEE_SYSTEM, Thing()) else None
