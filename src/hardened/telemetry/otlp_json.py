"""Spans as OTLP/JSON: the protobuf JSON mapping of `ExportTraceServiceRequest`.

One request is one JSON object without line breaks. So a file with one request per line is what the OpenTelemetry
collector's file exporter writes and its `otlpjsonfile` receiver reads, and each line can be POSTed to `/v1/traces`.

The mapping (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"): names in lowerCamelCase, trace and
span ids in hexadecimal (not base64), 64-bit integers as decimal strings, enums as integers, bytes in base64, and
default values (0, "", empty lists) left out, except inside the `AnyValue` choice, where the key tells the type.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from typing import Any, cast

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
from pydantic_core import to_json

_KIND = {  # opentelemetry/proto/trace/v1/trace.proto, enum SpanKind
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}
# The same, enum SpanFlags: bit 8 says that bit 9 is known, bit 9 says that the parent is in another process.
_FLAG_REMOTE_KNOWN, _FLAG_REMOTE = 0x100, 0x200
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1

_Json = dict[str, Any]


def encode_request(spans: Sequence[ReadableSpan]) -> bytes:
    """The spans as one `ExportTraceServiceRequest`, grouped by resource and scope, in UTF-8 without line breaks.

    Text that is not valid Unicode (lone surrogates) is written with U+FFFD in its place.
    """
    request = {"resourceSpans": _resource_spans(spans)}
    try:
        return to_json(request)
    except ValueError:  # a lone surrogate somewhere; rare, so only then is every string looked at
        return to_json(_valid_unicode(request))


def _resource_spans(spans: Sequence[ReadableSpan]) -> list[_Json]:
    """Spans grouped by resource, then by scope, each group in the order of its first span."""
    groups: dict[int, tuple[Resource, dict[InstrumentationScope | None, list[_Json]]]] = {}
    for span in spans:
        # By identity: a provider has one resource object, and hashing a `Resource` serialises it each time.
        resource = span.resource
        _, scopes = groups.setdefault(id(resource), (resource, {}))
        scopes.setdefault(span.instrumentation_scope, []).append(encode_span(span))
    return [
        {
            "resource": _present(attributes=_attributes(resource.attributes)),
            "scopeSpans": [_scope_spans(scope, encoded) for scope, encoded in scopes.items()],
            **_present(schemaUrl=resource.schema_url),
        }
        for resource, scopes in groups.values()
    ]


def _scope_spans(scope: InstrumentationScope | None, spans: list[_Json]) -> _Json:
    if scope is None:
        return {"scope": {}, "spans": spans}
    described = _present(name=scope.name, version=scope.version, attributes=_attributes(scope.attributes))
    return {"scope": described, "spans": spans} | _present(schemaUrl=scope.schema_url)


def encode_span(span: ReadableSpan) -> _Json:
    """One span as the JSON object that OTLP calls `Span`."""
    context = span.get_span_context()
    parent = span.parent
    status = _present(code=span.status.status_code.value, message=span.status.description)
    return {
        **({} if context is None else _ids(context)),
        **_present(
            traceState=_trace_state(context.trace_state) if context else "",
            parentSpanId=f"{parent.span_id:016x}" if parent else "",
            name=span.name,
            startTimeUnixNano=_int64(span.start_time),
            endTimeUnixNano=_int64(span.end_time),
            attributes=_attributes(span.attributes),
            droppedAttributesCount=span.dropped_attributes,
            events=[_event(event) for event in span.events],
            droppedEventsCount=span.dropped_events,
            links=[_link(link) for link in span.links],
            droppedLinksCount=span.dropped_links,
        ),
        "kind": _KIND[span.kind],
        "status": status,
        "flags": _flags(parent),
    }


def _event(event: Event) -> _Json:
    return _present(
        timeUnixNano=_int64(event.timestamp),
        name=event.name,
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes,
    )


def _link(link: Link) -> _Json:
    return {
        **_ids(link.context),
        **_present(
            traceState=_trace_state(link.context.trace_state),
            attributes=_attributes(link.attributes),
            droppedAttributesCount=link.dropped_attributes,
        ),
        "flags": _flags(link.context),
    }


def _ids(context: SpanContext) -> _Json:
    return {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}


def _flags(context: SpanContext | None) -> int:
    return _FLAG_REMOTE_KNOWN | (_FLAG_REMOTE if context is not None and context.is_remote else 0)


def _trace_state(state: TraceState | None) -> str:
    return ",".join(f"{key}={value}" for key, value in state.items()) if state else ""


def _attributes(attributes: Mapping[str, Any] | None) -> list[_Json]:
    return [_key_value(key, value) for key, value in attributes.items()] if attributes else []


def _key_value(key: str, value: object) -> _Json:
    return {"key": key, "value": _any_value(value)} if key else {"value": _any_value(value)}


def _any_value(value: object) -> _Json:
    """A Python value as OTLP's `AnyValue`; None is the empty one, an integer beyond 64 bits is written as text."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if value is None:
        return {}
    if isinstance(value, int):
        if _INT64_MIN <= value <= _INT64_MAX:
            return {"intValue": str(value)}
        return {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if isfinite(value) else _non_finite(value)}
    if isinstance(value, bytes):
        return {"bytesValue": b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {"kvlistValue": _present(values=[_key_value(str(key), item) for key, item in items])}
    if isinstance(value, Sequence):
        elements = cast("Sequence[object]", value)
        return {"arrayValue": _present(values=[_any_value(item) for item in elements])}
    return {"stringValue": str(value)}


def _non_finite(value: float) -> str:
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _int64(value: int | None) -> str:
    return str(value) if value else ""


def _present(**fields: Any) -> _Json:
    """The fields that are not their type's default; protobuf leaves the others out."""
    return {name: value for name, value in fields.items() if value}


def _valid_unicode(value: Any) -> Any:
    """The same JSON with every surrogate that has no partner replaced, and pairs joined."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {_valid_unicode(key): _valid_unicode(item) for key, item in fields.items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_valid_unicode(item) for item in items]
    return value
