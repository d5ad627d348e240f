"""Requests of OTLP over HTTP to spans. Pure.

Both encodings are those of the specification (opentelemetry.io/docs/specs/otlp): protobuf, and JSON, in which
ids are in hex and not in base64 as in protobuf's own JSON.
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from models.errors import ChatlogError, MustAct
from models.genai_spans import Span, SpanEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models import JSON

PROTOBUF, JSON_TYPE = "application/x-protobuf", "application/json"
CONTENT_TYPES = (PROTOBUF, JSON_TYPE)
_IDS = ("traceId", "spanId", "parentSpanId")


class NotOtlp(ChatlogError):
    """A body is not what its content type says; the message says why."""

    must_act = MustAct.CALLER


def unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return a body as it was before it was packed.

    Args:
        body: as it came.
        encoding: what Content-Encoding says: gzip, or nothing.
        max_bytes: the most that may come of it.

    Raises:
        NotOtlp: it is packed otherwise, is not what that says, or comes to more.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise NotOtlp("Content-Encoding: gzip, or none.")
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = unpacking.decompress(body, max_bytes)
    except zlib.error:
        raise NotOtlp("The body is not gzip.") from None
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise NotOtlp(f"The body is cut off, or comes to more than {max_bytes} bytes.")
    return plain


def spans_in(content_type: str, body: bytes) -> list[Span]:
    """Return the spans of a request to export traces, each with what its resource is called.

    Raises:
        NotOtlp: it is none.
    """
    request = _from_json(body) if content_type == JSON_TYPE else _from_protobuf(body)
    return [
        _span(span, _attributes(of_resource.resource.attributes))
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def _from_protobuf(body: bytes) -> Any:
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise NotOtlp("The body is no ExportTraceServiceRequest in protobuf.") from None
    return request


def _from_json(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
        _have_ids_in_base64(value)
        return ParseDict(value, ExportTraceServiceRequest(), ignore_unknown_fields=True)
    except (orjson.JSONDecodeError, ParseError, ValueError, AttributeError, TypeError, RecursionError):
        raise NotOtlp("The body is no ExportTraceServiceRequest in JSON.") from None


def _have_ids_in_base64(request: dict[str, Any]) -> None:
    for of_resource in request.get("resourceSpans", ()):
        for of_scope in of_resource.get("scopeSpans", ()):
            for span in of_scope.get("spans", ()):
                for each in (span, *span.get("links", ())):
                    for name in _IDS:
                        if given := each.get(name):
                            each[name] = base64.b64encode(bytes.fromhex(given)).decode()


def _span(span: Any, of_resource: dict[str, JSON]) -> Span:
    return Span(
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        of_resource | _attributes(span.attributes),
        [SpanEvent(event.name, _attributes(event.attributes)) for event in span.events],
        is_error=span.status.code == Status.STATUS_CODE_ERROR,
    )


def _attributes(given: Iterable[Any]) -> dict[str, JSON]:
    return {each.key: _value(each.value) for each in given}


def _value(value: Any) -> JSON:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    # Bytes are nothing that a person said.
    plain: JSON = None if kind in {None, "bytes_value"} else getattr(value, kind)
    return plain
