"""The routes by which a conversation is followed as it goes on, and had as a file."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.access import Asks
from app.conversations.events import EVENTS_SCHEMA, Following
from app.conversations.serving import Live, Said
from app.conversations.subjects import subject_of
from app.conversations.transcripts import MEDIA_TYPES, TranscriptFormat, transcript_of
from app.reading.filters import PeriodFilter, ZoneAsked
from app.reading.lists import place_of_message
from app.reading.noting import Noting
from app.web.metrics import EventStreams
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(
    prefix="/v1/conversations", tags=["conversations"], responses=responses(401, 403, 404, 422, 503)
)

AsksToRead = Annotated[Caller, Depends(Asks(Action.READ_MESSAGES))]


@router.get(
    "/{conversation_id:uuid}/events",
    response_class=Response,
    responses={
        200: {
            "description": "A stream of events. `message`: a message that came or changed, as a "
            "`ShownMessage`; one may be told twice. `gone`: the `id` of one that is not to be shown now. "
            "`again`: something came or changed that is not listed: read again. It ends after a quarter of "
            "an hour, to be begun again.",
            "content": {"text/event-stream": {"schema": EVENTS_SCHEMA}},
        },
        **responses(429),
    },
)
async def follow_a_conversation(
    conversation_id: UUID,
    caller: AsksToRead,
    talks: Said,
    live: Live,
    log: Noting,
    request: Request,
    streams: EventStreams,
    last_event_id: Annotated[
        str | None, Header(description="Sent by browsers that connect again: the id of the last event.")
    ] = None,
) -> Response:
    """Follow a conversation as server-sent events: from now on, or from the last event on."""
    row = await talks.get(caller, conversation_id)
    try:
        after = place_of_message(last_event_id) if last_event_id else None
    except ValueError:
        after = None
    await log.note(caller, Action.READ_MESSAGES, request, subject_of(row))
    return Following(talks, live, caller, row, after).events(streams)


@router.get(
    "/{conversation_id:uuid}/transcript",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A file, as `format` says.",
            "headers": {
                "Content-Disposition": {
                    "description": "The name of the file, with the days.",
                    "schema": {"type": "string"},
                }
            },
            "content": {
                "text/plain": {"schema": {"type": "string"}},
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["conversation", "messages"],
                        "properties": {
                            "conversation": {"type": "object"},
                            "messages": {
                                "type": "array",
                                "items": {"$ref": "#/components/schemas/ShownMessage"},
                            },
                        },
                    }
                },
            },
        }
    },
)
async def get_a_transcript(
    conversation_id: UUID,
    caller: AsksToRead,
    talks: Said,
    log: Noting,
    request: Request,
    zone: ZoneAsked,
    period: PeriodFilter,
    format: Annotated[TranscriptFormat, Query(description="A text to read, or JSON.")] = "text",  # noqa: A002
) -> StreamingResponse:
    """Return a conversation as a file, whole or of a time, however long it is."""
    row = await talks.get(caller, conversation_id)
    transcript = await transcript_of(talks, caller, row, period, zone)
    await log.note(caller, Action.READ_MESSAGES, request, subject_of(row))
    ending = "txt" if format == "text" else "json"
    name = f'attachment; filename="{transcript.file_name}.{ending}"'
    return StreamingResponse(
        transcript.lines(format), media_type=MEDIA_TYPES[format], headers={"Content-Disposition": name}
    )
