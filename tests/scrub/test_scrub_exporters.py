"""No canary, in any disguise, in any place of any signal, reaches the bytes that any exporter writes."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as logs_export
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags, TraceState, set_span_in_context
from opentelemetry.trace.span import NonRecordingSpan
from scrub_canaries import CANARIES, DISGUISES, Payload, examples, leaks

from hardened.telemetry import scrub
from hardened.telemetry.otlp_json import encode_request

# Renamed in version 1.39 of the SDK.
ConsoleLogExporter: Any = getattr(logs_export, "ConsoleLogRecordExporter", None) or logs_export.ConsoleLogExporter
InMemoryLogExporter: Any = getattr(logs_export, "InMemoryLogRecordExporter", None) or logs_export.InMemoryLogExporter

payloads = st.builds(Payload.of, st.sampled_from(sorted(CANARIES)), st.sampled_from(sorted(DISGUISES)))

BENIGN = {
    "gen_ai.request.model": "gpt-5-mini-2026-03-14",
    "gen_ai.usage.input_tokens": 1234,
    "keep.text": "Order 66 was shipped on Monday; the total is 12.50 EUR.",
    "keep.json": '{"a": [1, 2.50, true, null], "b": {"c": "grün"}}',
    "keep.list": ("one", "two"),
    "keep.url": "https://host.example/path?page=2&sort=asc",
}


def _raised(span: Span, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError as error:
        span.record_exception(error)


SPAN_PLACES: dict[str, Callable[[Span, str], object]] = {
    "name": lambda span, text: span.update_name(text),
    "attribute": lambda span, text: span.set_attribute("note", text),
    "key": lambda span, text: span.set_attribute(text, 1),
    "sequence": lambda span, text: span.set_attribute("notes", ["keep", text]),
    "bytes": lambda span, text: span.set_attribute("blob", text.encode()),
    "wide bytes": lambda span, text: span.set_attribute("blob", text.encode("utf-16-le")),
    "nested": lambda span, text: span.set_attribute("nested", {"a": [{"b": text}]}),  # type: ignore[dict-item]
    "event": lambda span, text: span.add_event(text),
    "event attribute": lambda span, text: span.add_event("event", {"note": text}),
    "exception": _raised,
    "status": lambda span, text: span.set_status(Status(StatusCode.ERROR, text)),
    "link": lambda span, text: span.add_link(SpanContext(1, 2, True), {"note": text}),
}


def span_in_every_form(record: Callable[[Any], object], *, with_bytes: bool = False) -> bytes:
    """What the console, the local file and OTLP in protobuf would get of one span."""
    provider = TracerProvider(shutdown_on_exit=False)
    memory, console = InMemorySpanExporter(), io.StringIO()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    if not with_bytes:  # which the console cannot write
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(out=console)))
    span = provider.get_tracer("tests").start_span("keep", attributes=BENIGN)
    record(span)
    span.end()
    assert with_bytes or json.loads(console.getvalue())
    spans = memory.get_finished_spans()
    attributes = spans[0].attributes or {}
    assert {key: attributes.get(key) for key in BENIGN} == BENIGN
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    return b"\n".join((console.getvalue().encode(), encode_request(spans), encode_spans(spans).SerializeToString()))


@examples(150)
@given(payload=payloads, place=st.sampled_from(sorted(SPAN_PLACES)))
def test_spans(installed: scrub.Scrubber, payload: Payload, place: str) -> None:
    output = span_in_every_form(lambda span: SPAN_PLACES[place](span, payload.text), with_bytes="bytes" in place)
    assert leaks(payload.canary, output) == []


@pytest.mark.parametrize("place", sorted(SPAN_PLACES))
def test_without_scrubbing_each_place_leaks(place: str) -> None:
    """The tests above would notice."""
    if place == "nested" and not BoundedAttributes(attributes={"a": {}}):
        pytest.skip("this version of the SDK has no nested attributes on spans")
    output = span_in_every_form(lambda span: SPAN_PLACES[place](span, CANARIES["email"]), with_bytes="bytes" in place)
    output = output.replace(b"\0", b"")
    assert leaks(CANARIES["email"], output)


@examples(40)
@given(payload=payloads)
def test_resources_and_scopes(installed: scrub.Scrubber, payload: Payload) -> None:
    resource = Resource({"service.name": "keep", "note": payload.text, payload.text: "keep"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    memory = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer(payload.text, payload.text, attributes={"note": payload.text}).start_span("keep").end()
    spans = memory.get_finished_spans()
    assert spans[0].resource.attributes["service.name"] == "keep"
    assert leaks(payload.canary, encode_request(spans) + spans[0].to_json().encode()) == []


def test_trace_state(installed: scrub.Scrubber) -> None:
    state = TraceState([("vendor", CANARIES["github"]), ("keep", "s:1;o:rum")])
    parent = SpanContext(1, 2, True, TraceFlags(1), state)
    provider, memory = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    context = set_span_in_context(NonRecordingSpan(parent))
    span = provider.get_tracer("tests").start_span("keep", context, links=[Link(parent, {"keep": 1})])
    span.end()
    (exported,) = memory.get_finished_spans()
    assert leaks(CANARIES["github"], encode_request([exported]) + exported.to_json().encode()) == []
    assert exported.context and exported.context.trace_state["keep"] == "s:1;o:rum"
    assert exported.context.span_id == span.get_span_context().span_id
    assert span.get_span_context().trace_state["vendor"] == CANARIES["github"]  # what goes on to services is untouched


LOG_PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "body": lambda text: {"body": text},
    "nested body": lambda text: {"body": {"a": [text, {"b": text}]}},
    "bytes body": lambda text: {"body": text.encode()},
    "key": lambda text: {"body": {text: 1}},
    "attribute": lambda text: {"attributes": {"note": text}},
    "event name": lambda text: {"event_name": text},
    "severity": lambda text: {"severity_text": text},
}


@examples(150)
@given(payload=payloads, place=st.sampled_from(sorted(LOG_PLACES)), batch=st.booleans())
def test_log_records(installed: scrub.Scrubber, payload: Payload, place: str, batch: bool) -> None:
    provider = LoggerProvider(Resource({"note": payload.text}), shutdown_on_exit=False)
    console, memory = io.StringIO(), InMemoryLogExporter()
    make = logs_export.BatchLogRecordProcessor if batch else logs_export.SimpleLogRecordProcessor
    provider.add_log_record_processor(make(ConsoleLogExporter(out=console)))
    provider.add_log_record_processor(make(memory))
    fields: dict[str, Any] = {
        "attributes": {},
        "severity_number": SeverityNumber.INFO,
        **LOG_PLACES[place](payload.text),
    }
    fields["attributes"] = {**fields["attributes"], **BENIGN}
    provider.get_logger("tests").emit(LogRecord(timestamp=1, **fields))
    provider.force_flush()
    provider.shutdown()
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    (item,) = memory.get_finished_logs()
    encoded = encode_logs([item]).SerializeToString()
    assert leaks(payload.canary, console.getvalue().encode() + encoded) == []
    attributes = json.loads(console.getvalue())["attributes"]
    assert {key: attributes[key] for key in BENIGN} == {**BENIGN, "keep.list": ["one", "two"]}


def test_records_of_the_logging_module(installed: scrub.Scrubber) -> None:
    provider, memory = LoggerProvider(shutdown_on_exit=False), InMemoryLogExporter()
    provider.add_log_record_processor(logs_export.SimpleLogRecordProcessor(memory))
    with warnings.catch_warnings(action="ignore"):  # newer versions move it to a package of its own
        from opentelemetry.sdk._logs import LoggingHandler

        handler = LoggingHandler(logger_provider=provider)
    log = logging.Logger("tests.scrub")
    log.addHandler(handler)
    try:
        raise ValueError(CANARIES["aws"])
    except ValueError:
        log.exception("failed for %s", CANARIES["email"], extra={"who": CANARIES["email"]})
    from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    encoded = encode_logs(memory.get_finished_logs()).SerializeToString()
    assert b"failed for [EMAIL]" in encoded
    assert not leaks(CANARIES["email"], encoded) and not leaks(CANARIES["aws"], encoded)


@examples(60)
@given(payload=payloads)
def test_metrics(installed: scrub.Scrubber, payload: Payload) -> None:
    console, memory = io.StringIO(), InMemoryMetricReader()
    periodic = PeriodicExportingMetricReader(ConsoleMetricExporter(out=console), export_interval_millis=float("inf"))
    provider = MeterProvider(
        [memory, periodic],
        Resource({"service.name": "keep", "note": payload.text}),
        exemplar_filter=AlwaysOnExemplarFilter(),
        # What is not an attribute of the point is one of its exemplars.
        views=[View(instrument_name="filtered", attribute_keys={"keep"})],
        shutdown_on_exit=False,
    )
    meter = provider.get_meter("tests", attributes={"note": payload.text})
    attributes = {"note": payload.text, payload.text: 1, "keep": "me"}
    meter.create_counter("counter", description=payload.text).add(1, attributes)
    meter.create_histogram("histogram", unit="s").record(0.5, attributes)
    meter.create_counter("filtered").add(2, attributes)
    from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

    data = memory.get_metrics_data()
    periodic.force_flush()
    assert data is not None
    output = encode_metrics(data).SerializeToString() + console.getvalue().encode()
    assert leaks(payload.canary, output) == []
    points = {m.name: m.data.data_points[0] for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}
    assert points["counter"].attributes["keep"] == "me" and points["counter"].value == 1
    assert points["filtered"].exemplars and points["histogram"].bucket_counts
    provider.shutdown()


def test_names_and_units_of_metrics(installed: scrub.Scrubber) -> None:
    memory = InMemoryMetricReader()
    provider = MeterProvider([memory], shutdown_on_exit=False)
    key = CANARIES["github"]
    provider.get_meter("tests").create_counter(f"m-{key}", unit=f"{{{key}}}").add(1)
    data = memory.get_metrics_data()
    assert data is not None and leaks(key, data.to_json()) == []


def test_otlp_over_http(installed: scrub.Scrubber, sink: Any) -> None:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    secret = CANARIES["openai"]
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink.url}/v1/traces")))
    tracers.get_tracer("tests").start_span("keep", attributes={"note": secret, "keep": "trace"}).end()
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(logs_export.BatchLogRecordProcessor(OTLPLogExporter(f"{sink.url}/v1/logs")))
    loggers.get_logger("tests").emit(LogRecord(timestamp=1, body=secret, attributes={"keep": "log"}))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{sink.url}/v1/metrics"))
    meters = MeterProvider([reader], shutdown_on_exit=False)
    meters.get_meter("tests").create_counter("keep").add(1, {"note": secret, "keep": "metric"})
    for provider in (tracers, loggers, meters):
        assert provider.force_flush()
        provider.shutdown()
    received = b"".join(sink.bodies)
    assert all(word in received for word in (b"trace", b"log", b"metric", b"[OPENAI_API_KEY]"))
    assert leaks(secret, received) == []
