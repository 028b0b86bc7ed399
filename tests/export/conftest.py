"""Spans to export, and a loopback server that answers as it is told."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
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


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the environment in which the tests run decides where spans go."""
    for name in tuple(os.environ):
        if name.startswith(("OTEL_", "LANGFUSE_", "HARDENED_")) and name != "HARDENED_SHARED":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def warnings_are_seen() -> Iterator[None]:
    """Whatever a test elsewhere has silenced for the whole process."""
    before = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    yield
    logging.disable(before)


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


@pytest.fixture
def sink() -> Iterator[Sink]:
    state = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            request = Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            state.requests.append(request)
            status = state.answer(request)
            if status is None:
                state.released.wait(60)
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    server.server_close()
    thread.join()
