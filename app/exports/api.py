"""The routes of exports: ask, look, cancel, retry, download. They work by `app.exports.service`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from fastapi.responses import RedirectResponse

from app.access import Asks, access_log_of
from app.exports.events import EVENT_SCHEMA, event_id, progress_events
from app.exports.representations import ExpectedFile, Export, ExportRequest, MessagesRequest
from app.exports.requests import subject_of
from app.exports.serving import Serving
from app.surveys.rows import SurveyKey
from app.web.metrics import EventStreams
from app.web.parts import LINKED, PART_MAX, Limit, after_query, cut, place_of
from app.web.problems import responses
from models.access import Action, Caller
from models.owners import ADDRESS_MAX

router = APIRouter(prefix="/exports", tags=["exports"], responses=responses(401, 403, 422, 503))

AsksToExport = Annotated[Caller, Depends(Asks(Action.EXPORT_SURVEY))]
AsksForMessages = Annotated[Caller, Depends(Asks(Action.EXPORT_MESSAGES))]
AsksToSee = Annotated[Caller, Depends(Asks(Action.SEE_EXPORT))]
AsksToUse = Annotated[Caller, Depends(Asks(Action.USE_EXPORT))]

After = Annotated[str | None, after_query("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
#: Instead of the address of whoever asked; no address is so.
EVERYBODY = "*"
SurveyName = Annotated[
    str, Query(min_length=1, max_length=1000, description="The survey's name.", examples=["Baseline"])
]
SurveyOwner = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=ADDRESS_MAX,
        description="The email address of the survey's owner, if that is another, who shared it with you.",
    ),
]
User = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=ADDRESS_MAX,
        pattern=r"^[^\x00]+$",
        description="The email address of whoever asked for them, or `*` for everybody; you, if left out. "
        "What others asked for is told to the roles `compliance` and `admin`, without links.",
    ),
]


@router.post("", status_code=201, responses=responses(404, 413))
async def ask_for_an_export(
    survey: SurveyName,
    asked: Annotated[ExportRequest, Body()],
    caller: AsksToExport,
    services: Serving,
    response: Response,
    survey_owner: SurveyOwner = None,
) -> Export:
    """Ask for the chat log, the responses or the codebook of a survey that is yours, or shared with you.

    It is made in the background. The answer is the export as it begins. Follow it by `/exports/{id}/events`,
    or by asking again.
    """
    key = SurveyKey.of(survey_owner or caller.email, survey)
    row = await services.rows.request(caller, key, asked.export_type, asked.options)
    response.headers["Location"] = f"/exports/{row.id}"
    return Export.of(row, caller)


@router.post("/messages", status_code=201, responses=responses(404, 413))
async def ask_for_messages(
    request: Request,
    asked: Annotated[MessagesRequest, Body()],
    caller: AsksForMessages,
    services: Serving,
    response: Response,
) -> Export:
    """Ask for a file of messages, of any platform, that a filter finds among those that you may read.

    A row a message, or a row a conversation. What you may read is found out now, and once more when the file
    is made. It is noted who asks, and for what.
    """
    options = asked.options
    await services.messages.asking_as(caller, options)
    await access_log_of(request).note(caller, Action.EXPORT_MESSAGES, request, subject_of(options))
    row = await services.messages.request(caller, options)
    if row is None:
        raise AssertionError("only what is asked for again so soon is left out")
    response.headers["Location"] = f"/exports/{row.id}"
    return Export.of(row, caller)


@router.post("/estimate", responses=responses(404, 413))
async def estimate_an_export(
    survey: SurveyName,
    asked: Annotated[ExportRequest, Body()],
    caller: AsksToExport,
    services: Serving,
    survey_owner: SurveyOwner = None,
) -> ExpectedFile:
    """Say how many rows a file would have, and about how large it would be, before you ask for it."""
    key = SurveyKey.of(survey_owner or caller.email, survey)
    return await services.estimates.of_survey(caller, key, asked.export_type, asked.options)


@router.post("/messages/estimate", responses=responses(404, 413))
async def estimate_messages(
    request: Request,
    asked: Annotated[MessagesRequest, Body()],
    caller: AsksForMessages,
    services: Serving,
) -> ExpectedFile:
    """Say how many rows a file of messages would have, and about how large it would be.

    Words are noted: how many have them says what was said.
    """
    options = asked.options
    if options.parse_words() is not None:
        await access_log_of(request).note(caller, Action.EXPORT_MESSAGES, request, subject_of(options))
    return await services.estimates.of_messages(caller, options)


@router.get("/status", responses=LINKED)
async def list_exports(
    caller: AsksToSee,
    services: Serving,
    response: Response,
    limit: Limit = PART_MAX,
    after: After = None,
    user_id: User = None,
) -> list[Export]:
    """Return your exports, the one that changed last first; where there are many, in parts.

    One that changes meanwhile is at the front again: begin anew to see it.
    """
    rows, place = services.rows, place_of(after)
    if user_id == EVERYBODY:
        found = await rows.of_all(caller, limit=limit + 1, after=place)
    else:
        found = await rows.of_user(caller, user_id or caller.email, limit=limit + 1, after=place)
    asked = {"user_id": user_id} if user_id else {}
    return [Export.of(row, caller) for row in cut(found, limit, response, "/exports/status", **asked)]


@router.get("/status/survey", responses=LINKED | responses(404))
async def list_a_surveys_exports(
    survey: SurveyName,
    caller: AsksToSee,
    services: Serving,
    response: Response,
    limit: Limit = PART_MAX,
    after: After = None,
    survey_owner: SurveyOwner = None,
) -> list[Export]:
    """Return your exports of one survey, the one that changed last first; where there are many, in parts.

    One that changes meanwhile is at the front again: begin anew to see it.
    """
    key = SurveyKey.of(survey_owner or caller.email, survey)
    rows = await services.rows.of_survey(caller, key, limit=limit + 1, after=place_of(after))
    asked = {"survey": survey} | ({"survey_owner": survey_owner} if survey_owner else {})
    return [Export.of(row, caller) for row in cut(rows, limit, response, "/exports/status/survey", **asked)]


@router.get("/{export_id:uuid}", responses=responses(404))
async def look_at_an_export(export_id: UUID, caller: AsksToSee, services: Serving) -> Export:
    """Return one of your exports; for the roles `compliance` and `admin` anybody's, without its link."""
    return Export.of(await services.rows.get(caller, export_id), caller)


@router.delete("/{export_id:uuid}", responses=responses(404))
async def cancel_or_remove_an_export(export_id: UUID, caller: AsksToUse, services: Serving) -> Export:
    """End an export that is under way; remove the file of one that is finished.

    The export stays in the list. Doing it again changes nothing.
    """
    return Export.of(await services.files.remove(caller, export_id), caller)


@router.post("/{export_id:uuid}/retry", responses=responses(404, 409))
async def retry_an_export(export_id: UUID, caller: AsksToUse, services: Serving) -> Export:
    """Begin an export again that failed or was cancelled."""
    return Export.of(await services.rows.retry(caller, export_id), caller)


@router.get(
    "/{export_id:uuid}/download",
    status_code=307,
    response_class=RedirectResponse,
    responses=responses(404, 409, 410)
    | {
        307: {
            "description": "The file is there.",
            "headers": {
                "Location": {"description": "A link that works for some hours.", "schema": {"type": "string"}}
            },
        }
    },
)
async def download_an_export(
    request: Request, export_id: UUID, caller: AsksToUse, services: Serving
) -> RedirectResponse:
    """Go to the file, by a link that is signed now. It is noted who does."""
    link = await services.files.link(caller, export_id)
    await access_log_of(request).note(caller, Action.USE_EXPORT, request, {"export": str(export_id)})
    return RedirectResponse(link, status_code=307)


@router.get(
    "/{export_id:uuid}/events",
    response_class=Response,
    responses=responses(404)
    | {
        200: {
            "description": "A stream of events `progress`, each with a `Progress` as its data: the first at "
            "once, others when something changed. It ends with the export.",
            "content": {"text/event-stream": {"schema": EVENT_SCHEMA}},
        },
        204: {"description": "The client has seen the last event already (`Last-Event-ID`)."},
    },
)
async def follow_an_export(
    export_id: UUID,
    caller: AsksToSee,
    services: Serving,
    streams: EventStreams,
    last_event_id: Annotated[str | None, Header(description="Sent by browsers that connect again.")] = None,
) -> Response:
    """Follow the progress of one of your exports as server-sent events."""
    row = await services.rows.get(caller, export_id)
    if row.is_final and last_event_id == event_id(row):
        # The one answer after which a browser does not connect again.
        return Response(status_code=204)
    return progress_events(row, lambda: services.rows.get(caller, export_id), streams)
