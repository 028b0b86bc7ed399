"""Langfuse over real HTTP: what arrives at a loopback server, and what happens when it misbehaves."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from export_support import Request, Sink, context_of, make_span
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from hardened.policy.schema import Policy
from hardened.telemetry import semconv
from hardened.telemetry.delivery import Counts
from hardened.telemetry.http_post import Poster, UnsafeAddressError
from hardened.telemetry.langfuse_export import (
    LangfuseDelivery,
    LangfuseExporter,
    LangfuseSettings,
    langfuse_settings,
)

TRACES = "/api/public/otel/v1/traces"
SCORES = "/api/public/scores"
PUBLIC, SECRET = "pk-" + "lf-tests", "sk-" + "lf-tests"

GUARD: dict[str, Any] = {
    semconv.GUARD_STAGE: "input",
    semconv.GUARD_DETECTOR: "pii",
    semconv.GUARD_ACTION: "redact",
    semconv.GUARD_OUTCOME: "redacted",
    semconv.GUARD_CATEGORIES: ("email", "phone"),
    semconv.GUARD_ENFORCED: True,
}


def settings(sink: Sink, **options: Any) -> LangfuseSettings:
    return LangfuseSettings(sink.url, PUBLIC, SECRET, **options)


def exporter(sink: Sink, is_root: Callable[[Any], bool] = lambda _span: False, **options: Any) -> LangfuseExporter:
    return LangfuseExporter(settings(sink, **options), is_root)


def spans_in(request: Request) -> dict[str, dict[str, Any]]:
    """Attributes of the spans in an OTLP request, by name."""
    import gzip

    body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    message = ExportTraceServiceRequest.FromString(body)
    return {
        span.name: {item.key: item.value for item in span.attributes}
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def test_spans_arrive_translated_and_authenticated(sink: Sink) -> None:
    target = exporter(sink, is_root=lambda _span: True, environment="production", release="1.2.3")
    assert target.export([make_span("chat", {semconv.FEATURE: "support"})]) is SpanExportResult.SUCCESS
    (request,) = sink.requests
    assert request.path == TRACES
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode()
    assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert request.headers["content-type"] == "application/x-protobuf"
    attributes = spans_in(request)["chat"]
    assert attributes["langfuse.trace.name"].string_value == "support"
    assert attributes["langfuse.environment"].string_value == "production"
    assert attributes["langfuse.release"].string_value == "1.2.3"
    assert attributes["langfuse.internal.is_app_root"].bool_value is True


def test_headers_for_other_services_are_not_sent(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=other")
    exporter(sink).export([make_span()])
    assert "x-api-key" not in sink.requests[0].headers


def test_a_large_batch_is_split(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardened.telemetry.langfuse_export._MAX_BODY", 5000)
    spans = [make_span(str(number), {"text": "x" * 1000}) for number in range(10)]
    assert exporter(sink).export(spans) is SpanExportResult.SUCCESS
    arrived = [name for request in sink.to(TRACES) for name in spans_in(request)]
    assert arrived == [span.name for span in spans]
    assert len(sink.to(TRACES)) == 4


@pytest.mark.parametrize(("status", "hint"), [(400, ""), (401, ", so check its keys"), (500, ""), (302, "")])
def test_errors_are_failures_and_told_once(
    sink: Sink, status: int, hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    sink.answer = lambda _request: status
    target = exporter(sink)
    for _ in range(3):
        assert target.export([make_span()]) is SpanExportResult.FAILURE
    assert {request.path for request in sink.requests} == {TRACES}  # no redirect was followed
    (record,) = [record for record in caplog.records if record.name == "hardened.telemetry"]
    assert record.getMessage() == f"hardened: traces could not be sent to Langfuse at {sink.url}: status {status}{hint}"
    assert SECRET not in caplog.text


def test_a_busy_server_is_asked_again(sink: Sink) -> None:
    statuses = iter([503, 429, 200])
    sink.answer = lambda _request: next(statuses)
    assert exporter(sink).export([make_span()]) is SpanExportResult.SUCCESS
    assert len(sink.requests) == 3


def test_a_server_that_hangs_is_left_after_the_timeout(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardened.telemetry.langfuse_export._TIMEOUT", 0.2)
    sink.answer = lambda _request: None
    assert exporter(sink).export([make_span()]) is SpanExportResult.FAILURE


def test_nobody_listens(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardened.telemetry.langfuse_export._TIMEOUT", 0.2)
    target = LangfuseExporter(LangfuseSettings("http://127.0.0.1:9", PUBLIC, SECRET), lambda _span: False)
    assert target.export([make_span(attributes=GUARD)]) is SpanExportResult.FAILURE
    assert target.scores.failed == 2


def test_an_answer_that_is_no_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        target = LangfuseExporter(LangfuseSettings(host, PUBLIC, SECRET), lambda _span: False)
        assert target.export([make_span(attributes=GUARD)]) is SpanExportResult.FAILURE
        assert target.scores.failed == 2
        thread.join(30)


def test_shutdown_ends_the_waiting_for_another_try(sink: Sink) -> None:
    sink.answer = lambda _request: 503
    target = exporter(sink)
    target.shutdown()
    results: list[SpanExportResult] = []
    thread = threading.Thread(target=lambda: results.append(target.export([make_span()])))
    thread.start()
    thread.join(30)
    assert results == [SpanExportResult.FAILURE]
    assert len(sink.requests) == 1


# --- scores


def test_a_guard_becomes_two_scores(sink: Sink) -> None:
    guard = make_span("run_guardrail pii", GUARD, span_id=0xB)
    exporter(sink, environment="prod").export([make_span(), guard])
    (request,) = sink.to(SCORES)
    ids = {"traceId": f"{0xABC:032x}", "observationId": f"{0xB:016x}"}
    told = {
        "comment": "email, phone",
        "environment": "prod",
        "metadata": {"stage": "input", "outcome": "redacted", "enforced": True, "categories": ["email", "phone"]},
    }
    scores = [{key: value for key, value in score.items() if key != "id"} for score in request.json]
    assert scores == [
        {**ids, **told, "name": "guardrail.pii", "dataType": "BOOLEAN", "value": 1},
        {**ids, **told, "name": "guardrail.pii.action", "dataType": "CATEGORICAL", "value": "redact"},
    ]


def test_a_score_sent_again_has_the_same_id(sink: Sink) -> None:
    for number in (1, 1, 2):
        exporter(sink).export([make_span(attributes=GUARD, span_id=number)])
    first, again, other = ([score["id"] for score in request.json] for request in sink.to(SCORES))
    assert first == again
    assert len({*first, *other}) == 4


@pytest.mark.parametrize(
    ("outcome", "value"), [("flagged", 1), ("blocked", 1), ("error", 0), ("timeout", 0), ("skipped", 0)]
)
def test_a_detector_that_failed_did_not_trigger(sink: Sink, outcome: str, value: int) -> None:
    exporter(sink).export([make_span(attributes={**GUARD, semconv.GUARD_OUTCOME: outcome})])
    assert sink.to(SCORES)[0].json[0]["value"] == value


def test_a_server_that_takes_no_list_gets_single_scores_from_then_on(sink: Sink) -> None:
    sink.answer = lambda request: 400 if request.path == SCORES and isinstance(request.json, list) else 200
    target = exporter(sink)
    target.export([make_span(attributes=GUARD, span_id=1)])
    target.export([make_span(attributes=GUARD, span_id=2)])
    assert [type(request.json) for request in sink.to(SCORES)] == [list, dict, dict, dict, dict]
    assert (target.scores.sent, target.scores.failed) == (4, 0)


def test_scores_that_are_refused_are_counted(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    sink.answer = lambda request: 200 if request.path == TRACES else 400
    target = exporter(sink)
    for number in (1, 2):
        assert target.export([make_span(attributes=GUARD, span_id=number)]) is SpanExportResult.SUCCESS
    assert (target.scores.sent, target.scores.failed) == (0, 4)
    assert caplog.text.count("guard scores could not be sent to Langfuse: status 400") == 1


def test_scores_are_part_of_the_account(sink: Sink) -> None:
    made = LangfuseDelivery(settings(sink), content=True)
    assert list(made.stats()) == ["langfuse"]
    sink.answer = lambda request: 200 if request.path == TRACES else 403
    made.on_end(make_span(attributes=GUARD))
    made.close(30)
    assert made.stats() == {"langfuse": Counts(1, 1, 0), "langfuse scores": Counts(2, 0, 2)}


# --- settings


def policy(**langfuse: Any) -> Policy:
    return Policy.model_validate({"telemetry": {"langfuse": langfuse}})


KEYS = {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}


def test_langfuses_own_variables() -> None:
    env = {
        **KEYS,
        "LANGFUSE_HOST": "http://localhost:3000/",
        "LANGFUSE_TRACING_ENVIRONMENT": "staging",
        "LANGFUSE_RELEASE": "r1",
    }
    found = langfuse_settings(policy(), env)
    assert found == LangfuseSettings("http://localhost:3000", PUBLIC, SECRET, "staging", "r1")
    assert SECRET not in repr(found)


def test_the_policy_wins_over_variables() -> None:
    env = {**KEYS, "LANGFUSE_BASE_URL": "https://a.example", "LANGFUSE_OTHER_SECRET": "other"}
    chosen = policy(host="https://b.example", secret_key="env:LANGFUSE_OTHER_SECRET", environment="e", release="r")
    assert langfuse_settings(chosen, env) == LangfuseSettings("https://b.example", PUBLIC, "other", "e", "r")


@pytest.mark.parametrize(
    "env",
    [{}, {"LANGFUSE_PUBLIC_KEY": PUBLIC}, {**KEYS, "LANGFUSE_TRACING_ENABLED": "false"}],
)
def test_without_both_keys_there_is_no_langfuse(env: dict[str, str]) -> None:
    assert langfuse_settings(policy(), env) is None


def test_switched_off() -> None:
    assert langfuse_settings(policy(enabled=False), KEYS) is None


@pytest.mark.parametrize(
    "host",
    [
        "http://langfuse.example",
        "http://10.0.0.1:3000",
        "ftp://localhost",
        "https://",
        "https://[",
        "localhost:3000",
        "https://u:" + "p@a.example",
    ],
)
def test_keys_are_not_sent_in_the_clear(
    host: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardened.telemetry.notice._said", set())
    assert langfuse_settings(policy(), {**KEYS, "LANGFUSE_HOST": host}) is None
    assert "nothing is sent to Langfuse: the address" in caplog.text
    with pytest.raises(UnsafeAddressError):
        Poster(host, {}, 1)


@pytest.mark.parametrize("host", ["https://a.example", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"])
def test_addresses_that_are_safe(host: str) -> None:
    Poster(host, {}, 1)


# --- where a span stands in its trace


@pytest.fixture
def delivery(sink: Sink) -> Iterator[LangfuseDelivery]:
    made = LangfuseDelivery(settings(sink), content=True)
    yield made
    made.close(10)


def roots(sink: Sink) -> dict[str, bool]:
    return {
        name: "langfuse.internal.is_app_root" in attributes
        for request in sink.to(TRACES)
        for name, attributes in spans_in(request).items()
    }


def test_the_uppermost_exported_span_is_the_root(sink: Sink, delivery: LangfuseDelivery) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    web, ours = provider.get_tracer("fastapi"), provider.get_tracer("hardened")
    with web.start_as_current_span("GET /"):
        with ours.start_as_current_span("agent"), web.start_as_current_span("db"), ours.start_as_current_span("chat"):
            pass
        with ours.start_as_current_span("chat 2"):
            pass
    assert delivery.force_flush(10_000)
    assert roots(sink) == {"chat": False, "agent": True, "chat 2": True}


def test_a_parent_in_another_process_is_not_exported_here(sink: Sink, delivery: LangfuseDelivery) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    upstream = set_span_in_context(NonRecordingSpan(context_of(5, remote=True)))
    with provider.get_tracer("hardened").start_as_current_span("chat", upstream):
        pass
    assert delivery.force_flush(10_000)
    assert roots(sink) == {"chat": True}


def test_spans_of_unknown_place_are_forgotten_in_time(
    delivery: LangfuseDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardened.telemetry.langfuse_export._REMEMBERED", 10)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)
    tracer = provider.get_tracer("hardened")
    with tracer.start_as_current_span("long") as long:
        for _ in range(50):
            tracer.start_span("never ended")
    assert len(delivery._place) == 10
    assert long.get_span_context().span_id in delivery._place


# --- beside Langfuse's own SDK


class LangfuseSpanProcessor(SpanProcessor):
    """Stands for the one of Langfuse's SDK, which is recognised by its name and its public key."""

    def __init__(self, public_key: str) -> None:
        self.public_key = public_key


def test_langfuses_own_processor_takes_over_the_spans_but_not_the_scores(
    sink: Sink, delivery: LangfuseDelivery
) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(delivery)

    def span(name: str, **attributes: Any) -> None:
        provider.get_tracer("hardened").start_span(name, attributes=attributes).end()

    chat = {semconv.OPERATION_NAME: "chat"}
    span("before", **chat)
    provider.add_span_processor(LangfuseSpanProcessor("pk-" + "other-project"))
    span("other project", **chat)
    provider.add_span_processor(LangfuseSpanProcessor(PUBLIC))
    span("after", **chat)
    span("a guard that it takes", **GUARD, **{semconv.OPERATION_NAME: semconv.RUN_GUARDRAIL})
    span("a guard that it does not take", **GUARD)
    assert delivery.close(10)
    sent = [name for request in sink.to(TRACES) for name in spans_in(request)]
    assert sent == ["before", "other project", "a guard that it does not take"]
    assert len([score for request in sink.to(SCORES) for score in request.json]) == 4


def test_scores_are_json_that_any_server_reads(sink: Sink) -> None:
    exporter(sink).export([make_span(attributes={**GUARD, semconv.GUARD_CATEGORIES: ("öäü",)})])
    body = sink.to(SCORES)[0].body
    assert body.isascii()
    assert json.loads(body)[0]["comment"] == "öäü"
