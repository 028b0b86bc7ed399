"""The application's own exporters, with every exporter's spans scrubbed and filtered; and Langfuse's own SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from export_support import Sink
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hardened.policy.schema import Policy
from hardened.telemetry import scrub, semconv
from hardened.telemetry.destinations import CAPTURE_VARIABLE, ContentRule
from hardened.telemetry.langfuse_export import LangfuseDelivery, LangfuseSettings

PUBLIC, SECRET = "pk-" + "lf-tests", "sk-" + "lf-tests"
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hello"}]}])
CONTENT = {semconv.OPERATION_NAME: "chat", semconv.INPUT_MESSAGES: MESSAGES, semconv.FEATURE: "support"}


@pytest.fixture
def boundary() -> Iterator[None]:
    scrub.install()
    yield
    scrub.uninstall()


def rule(env: dict[str, str] | None = None, **telemetry: Any) -> None:
    scrub.set_span_filter(ContentRule(Policy.model_validate({"telemetry": telemetry}), env or {}))


def provider_with(*processors: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def arrived(sink: Sink) -> dict[str, dict[str, str]]:
    """Text attributes of the spans that arrived, by name; a span that arrived twice is an error."""
    found: dict[str, dict[str, str]] = {}
    for request in sink.to("/api/public/otel/v1/traces"):
        import gzip

        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                assert span.name not in found
                found[span.name] = {item.key: item.value.string_value for item in span.attributes}
    return found


@pytest.mark.parametrize(("variable", "ours"), [(None, False), ("span_only", True), ("event_only", False)])
def test_the_applications_exporter_gets_the_content_that_the_variable_says(
    boundary: None, variable: str | None, ours: bool
) -> None:
    rule({CAPTURE_VARIABLE: variable} if variable else {})
    exporter = InMemorySpanExporter()
    provider = provider_with(SimpleSpanProcessor(exporter))
    for scope in ("hardened", "opentelemetry.instrumentation.openai"):
        provider.get_tracer(scope).start_span(scope, attributes=CONTENT).end()
    has_content = {
        span.name: semconv.INPUT_MESSAGES in (span.attributes or {}) for span in exporter.get_finished_spans()
    }
    assert has_content == {"hardened": ours, "opentelemetry.instrumentation.openai": True}
    assert not any(
        key.startswith("langfuse.") for span in exporter.get_finished_spans() for key in span.attributes or {}
    )


@pytest.mark.parametrize("content", [True, False])
def test_an_otlp_exporter_that_the_application_points_at_langfuse(boundary: None, sink: Sink, content: bool) -> None:
    rule(langfuse={"content": content})
    exporter = OTLPSpanExporter(endpoint=f"{sink.url}/api/public/otel/v1/traces")
    provider = provider_with(BatchSpanProcessor(exporter))
    provider.get_tracer("hardened").start_span("chat", attributes=CONTENT).end()
    assert provider.force_flush(30_000)
    attributes = arrived(sink)["chat"]
    assert attributes["langfuse.trace.name"] == "support"
    assert ("langfuse.observation.input" in attributes) is content
    assert semconv.INPUT_MESSAGES not in attributes
    provider.shutdown()


def test_our_own_destination_is_scrubbed_once_and_translated_once(boundary: None, sink: Sink) -> None:
    rule()
    delivery = LangfuseDelivery(LangfuseSettings(sink.url, PUBLIC, SECRET), content=True)
    provider_with(delivery).get_tracer("hardened").start_span("chat", attributes=CONTENT).end()
    assert delivery.close(30)
    assert json.loads(arrived(sink)["chat"]["langfuse.observation.input"]) == [{"role": "user", "content": "hello"}]


def test_langfuses_own_sdk_gets_our_spans_once_and_translated(boundary: None, sink: Sink) -> None:
    langfuse = pytest.importorskip("langfuse", reason="the Langfuse SDK is not installed")
    rule({"LANGFUSE_TRACING_ENVIRONMENT": "staging"})
    delivery = LangfuseDelivery(LangfuseSettings(sink.url, PUBLIC, SECRET), content=True)
    provider = provider_with(delivery)
    client = langfuse.Langfuse(public_key=PUBLIC, secret_key=SECRET, base_url=sink.url, tracer_provider=provider)
    try:
        provider.get_tracer("hardened").start_span("chat", attributes=CONTENT).end()
        guard = {semconv.GUARD_DETECTOR: "pii"}
        provider.get_tracer("hardened").start_span("run_guardrail pii", attributes=guard).end()
        known = guard | {semconv.OPERATION_NAME: semconv.RUN_GUARDRAIL}
        provider.get_tracer("hardened").start_span("run_guardrail secrets", attributes=known).end()
        assert delivery.force_flush(30_000)
        client.flush()
        spans = arrived(sink)
        assert sorted(spans) == ["chat", "run_guardrail pii", "run_guardrail secrets"]
        assert spans["chat"]["langfuse.trace.name"] == "support"
        assert spans["chat"]["langfuse.environment"] == "staging"
        assert "langfuse.observation.input" in spans["chat"]
        assert sum(len(request.json) for request in sink.to("/api/public/scores")) == 4
    finally:
        client.shutdown()
        delivery.close(30)
