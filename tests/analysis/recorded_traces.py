"""Trace files as the local exporter writes them, made of spans of the real OpenTelemetry SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hardened.telemetry.otlp_json import encode_request

START = 1_790_000_000_000_000_000  # 2026-09-21T14:13:20Z

CALL: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 30,
    "gen_ai.usage.cache_read.input_tokens": 100,
    "hardened.cost.usd": 0.00042,
    "hardened.cost.known": True,
    "hardened.feature": "support",
    "hardened.tags": ["beta", "eu"],
    "hardened.stream.outcome": "completed",
    "hardened.guard.outcome": "redacted",
    "hardened.guard.decisions": [
        "input:pii:warn:flagged:email,phone",
        "output:secrets:redact:redacted:openai_api_key:shadow",
    ],
    "user.id": "u-17",
    "session.id": "s-9",
    "gen_ai.prompt.name": "support",
    "gen_ai.prompt.version": "3",
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]),
    "gen_ai.request.temperature": 0.5,
}


class Recorder:
    """Makes spans with times of its own choosing."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource({"service.name": "shop"}))
        provider.add_span_processor(SimpleSpanProcessor(self._memory))
        self._tracer = provider.get_tracer("hardened", "1.0")

    def call(self, name: str, attributes: dict[str, Any], *, at: float = 0.0, seconds: float = 1.0) -> ReadableSpan:
        """One call, `at` seconds after the start of time, with a child span for its guard."""
        begin = START + int(at * 1e9)
        with self._tracer.start_as_current_span(
            name, attributes=attributes, start_time=begin, end_on_exit=False
        ) as span:
            self._tracer.start_span("run_guardrail pii", start_time=begin).end(begin + 1000)
        span.end(begin + int(seconds * 1e9))
        return self._memory.get_finished_spans()[-1]

    def lines(self) -> Iterator[bytes]:
        """Everything so far, one request per call."""
        spans = self._memory.get_finished_spans()
        for index in range(0, len(spans), 2):
            yield encode_request(spans[index : index + 2]) + b"\n"
