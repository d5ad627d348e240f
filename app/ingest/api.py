"""The route of events that programs of one's own hand in. It works by `app.ingest.service`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from pydantic import BaseModel, Field

from app.access import Asks
from app.ingest.bodies import CONTENT_TYPES, EVENTS_MAX, JSON_TYPE, LINES, LINES_OF_JSON, MANY, events_in
from app.ingest.serving import Ingesting
from app.web.problems import responses
from models.access import Action, Caller

router = APIRouter(prefix="/v1/events", tags=["events"], responses=responses(401, 403, 404, 422, 503))

AsksToHandIn = Annotated[Caller, Depends(Asks(Action.HAND_IN_EVENTS))]
PlatformName = Annotated[
    str, Path(max_length=64, description="Whose events these are.", examples=["messenger"])
]

_EVENT = {
    "sender": {"id": "2050"},
    "recipient": {"id": "1060"},
    "timestamp": 1767305220634,
    "message": {"mid": "m_1", "text": "Hello"},
}
_LINE = (
    "@id=b34ccfc7-4977-403a-8a94-33c6bac34fb8;room-id=1337;tmi-sent-ts=1767305220634;user-id=1339 "
    ":ronni!ronni@ronni.tmi.twitch.tv PRIVMSG #ronni :Hello"
)
_BODY: dict[str, Any] = {
    "required": True,
    "description": f"One event or up to {EVENTS_MAX}, each as its platform tells it.",
    "content": {
        JSON_TYPE: {
            "schema": {
                "description": f"An event; or several, in a list, or in an object with `{MANY}` alone.",
                "anyOf": [
                    {"type": "object", "additionalProperties": True},
                    {"type": "array", "items": {"type": "object"}, "minItems": 1},
                ],
            },
            "examples": {
                "one": {"summary": "One event", "value": _EVENT},
                "several": {"summary": "Several", "value": {MANY: [_EVENT]}},
            },
        },
        LINES_OF_JSON: {
            "schema": {"type": "string", "description": "An event a line."},
            "example": '{"sender":{"id":"2050"},"timestamp":1767305220634,"message":{"text":"Hello"}}\n',
        },
        LINES: {
            "schema": {"type": "string", "description": "An event a line, such as those of IRC."},
            "example": f"{_LINE}\n",
        },
    },
}


class Accepted(BaseModel):
    """What was taken."""

    accepted: int = Field(description="How many events are in Kafka now.", examples=[1])


@router.post(
    "/{platform}", status_code=202, responses=responses(413, 415), openapi_extra={"requestBody": _BODY}
)
async def hand_in_events(
    platform: PlatformName, caller: AsksToHandIn, ingest: Ingesting, request: Request
) -> Accepted:
    """Hand in events of a platform as they came, in order; for programs with the role `service`.

    Taken is what this answers for: all in-sync replicas of Kafka have it then. If no answer comes, or a 503,
    send the same again: an event that comes twice is one row. With 422, none was taken, and `errors` says
    which cannot be read, the first being 0.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise HTTPException(415, f"Send events as {', '.join(CONTENT_TYPES)}, named in Content-Type.")
    events = events_in(content_type, await request.body())
    if len(events) > EVENTS_MAX:
        raise HTTPException(413, f"A request brings at most {EVENTS_MAX} events: send several.")
    if not events:
        raise HTTPException(422, "There is no event in the body.")
    await ingest.hand_in(caller, platform, events)
    return Accepted(accepted=len(events))
