"""Spans to export, what a loopback server has received, and how to read what was exported."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status

START = 1_780_000_000_123_456_789  # ns, some day in 2026

RESOURCE = Resource({"service.name": "tests"})


def context_of(span_id: int, trace_id: int = 0xABC, remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, remote, TraceFlags(1))


def make_span(
    name: str = "chat gpt-5",
    attributes: Mapping[str, Any] | None = None,
    *,
    span_id: int = 1,
    parent: SpanContext | None = None,
    scope: str = "hardened",
    status: Status | None = None,
    resource: Resource = RESOURCE,
    start: int = START,
) -> ReadableSpan:
    """A finished span as an exporter gets it."""
    return ReadableSpan(
        name,
        context=context_of(span_id),
        parent=parent,
        resource=resource,
        attributes=dict(attributes or {}),
        kind=SpanKind.CLIENT,
        status=status or Status(),
        start_time=start,
        end_time=start + 1_000_000_000,
        instrumentation_scope=InstrumentationScope(scope, "1.0"),
    )


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Sink:
    """A loopback HTTP server. `answer` says what each request gets: a status, or None to keep it waiting."""

    answer: Callable[[Request], int | None] = lambda _request: 200
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def to(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]


_IDS = ("traceId", "spanId", "parentSpanId")


def ids_to_base64(value: Any) -> Any:
    """OTLP/JSON with the ids as protobuf's own JSON mapping has them, so that `json_format` can parse it."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS else ids_to_base64(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [ids_to_base64(item) for item in value]
    return value
