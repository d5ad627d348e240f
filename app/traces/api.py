"""The route of OTLP: spans with the conventions for generative AI become turns; others are passed over."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from app.access import LimitedRoute
from app.traces.decoding import CONTENT_TYPES, JSON_TYPE, PROTOBUF, spans_in, unpacked
from app.turns.events import Turn
from app.turns.names import APP_MAX, app_of
from app.turns.service import TurnLog, named
from app.turns.serving import AppAsked, AsksToLog, Logging
from app.web.problems import responses
from models.access import Caller
from models.genai_spans import SpanTurn, turns_in

router = APIRouter(
    prefix="/v1/traces",
    tags=["turns"],
    route_class=LimitedRoute,
    responses=responses(401, 403, 422, 429, 503),
)

#: What exporters send at once is a tenth of it; unpacked, it may be as much.
BODY_MAX_BYTES = 4 * 1024 * 1024
#: How a resource says which program it is.
_PROGRAM = "service.name"

_BODY: dict[str, Any] = {
    "required": True,
    "description": "An ExportTraceServiceRequest of OTLP, as exporters over HTTP send it; may be gzip.",
    "content": {
        PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        JSON_TYPE: {"schema": {"type": "object"}, "example": {"resourceSpans": []}},
    },
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Kafka has the turns; how many spans could not be taken, and why, is in it.",
        "content": {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}, JSON_TYPE: {"schema": {}}},
    }
}


@router.post(
    "",
    response_class=Response,
    responses=_ANSWER | responses(413, 415),
    openapi_extra={"requestBody": _BODY},
)
async def take_spans(
    request: Request,
    caller: AsksToLog,
    log: Logging,
    app: AppAsked = None,
    content_encoding: Annotated[str, Header(description="gzip, or left out.")] = "",
) -> Response:
    """Take spans of OpenTelemetry: those of a chat with a model become turns.

    Set the exporter's endpoint to this server, and the token as its header `Authorization`. A span that is
    sent again is the same turn.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise HTTPException(415, f"Send spans as {' or '.join(CONTENT_TYPES)}, named in Content-Type.")
    body = unpacked(await request.body(), content_encoding.strip().lower(), BODY_MAX_BYTES)
    spans = spans_in(content_type, body)
    programs = {f"{span.trace_id}-{span.span_id}": span.attributes.get(_PROGRAM) for span in spans}
    whose = app_of(caller, app)
    turns = [_turn(told, whose, programs.get(told.id)) for told in turns_in(spans)]
    refused, why = await _log(log, caller, turns)
    return _answer(content_type, refused, why)


def _turn(told: SpanTurn, app: str | None, program: object) -> Turn:
    return Turn(
        session=named(app, told.session),
        id=told.id,
        timestamp=told.asked,
        user_message=told.question,
        ai_response=told.answer,
        response_time_ms=told.response_ms,
        user_id=told.person,
        model=told.model,
        app=app or (program[:APP_MAX] if isinstance(program, str) and program else None),
        error=told.error,
        metadata=told.metadata,
    )


async def _log(log: TurnLog, caller: Caller, turns: list[Turn]) -> tuple[int, str]:
    """Log turns, none of which holds up the others; return how many cannot be, and why."""
    if not turns:
        return 0, ""
    try:
        await log.log(caller, turns)
    except RequestValidationError as error:
        if len(turns) == 1:
            return 1, "; ".join(str(problem["msg"]) for problem in error.errors())
        each = [await _log(log, caller, [turn]) for turn in turns]
        return sum(count for count, _ in each), next((why for _, why in reversed(each) if why), "")
    return 0, ""


def _answer(content_type: str, refused: int, why: str) -> Response:
    answer = ExportTraceServiceResponse()
    if refused:
        answer.partial_success.rejected_spans = refused
        answer.partial_success.error_message = why
    if content_type == PROTOBUF:
        return Response(answer.SerializeToString(), media_type=PROTOBUF)
    return Response(orjson.dumps(MessageToDict(answer)), media_type=JSON_TYPE)
