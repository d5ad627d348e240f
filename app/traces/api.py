"""The route of OTLP: spans with the conventions for generative AI become turns; others are passed over."""

from dataclasses import replace
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

    Set the exporter's endpoint to this server, and the token as its header `Authorization`. What spans of a
    trace tell of one question is one turn, however they come, and so is a span that is sent again.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in CONTENT_TYPES:
        raise HTTPException(415, f"Send spans as {' or '.join(CONTENT_TYPES)}, named in Content-Type.")
    body = unpacked(await request.body(), content_encoding.strip().lower(), BODY_MAX_BYTES)
    spans = spans_in(content_type, body)
    whose = app_of(caller, app)
    refused, why = await _log(log, caller, [_turns(told, whose) for told in turns_in(spans)])
    return _answer(content_type, refused, why)


def _turns(told: SpanTurn, app: str | None) -> list[Turn]:
    """Return a question and its answer as turns of their own, as other spans may tell of one of them."""
    of_both = Turn(
        session=named(app, told.session),
        timestamp=told.asked,
        user_id=told.person,
        model=told.model,
        app=app or (None if told.program is None else told.program[:APP_MAX]),
        error=told.error,
        metadata=told.metadata,
    )
    turns = []
    if told.question is not None:
        turns.append(replace(of_both, id=told.question_id, user_message=told.question))
    if told.answer is not None:
        answer = replace(of_both, id=told.answer_id, ai_response=told.answer, reply_to=told.question_id)
        turns.append(replace(answer, response_time_ms=told.response_ms))
    return turns


async def _log(log: TurnLog, caller: Caller, spans: list[list[Turn]]) -> tuple[int, str]:
    """Log what spans tell, none of which holds up the others; return how many cannot be, and why."""
    if not spans:
        return 0, ""
    try:
        await log.log(caller, [turn for of_span in spans for turn in of_span])
    except RequestValidationError as error:
        if len(spans) == 1:
            return 1, "; ".join(str(problem["msg"]) for problem in error.errors())
        each = [await _log(log, caller, [of_span]) for of_span in spans]
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
