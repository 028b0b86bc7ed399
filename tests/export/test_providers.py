"""Whose provider is used, what it delivers to, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from export_support import Sink
from opentelemetry import metrics, trace
from opentelemetry.metrics import NoOpMeter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer
from opentelemetry.util._once import Once

from hardened.policy.schema import Policy
from hardened.telemetry import destinations
from hardened.telemetry.context import context
from hardened.telemetry.delivery import Counts
from hardened.telemetry.providers import Telemetry

LONG = 30.0  # seconds; tests end far earlier unless something hangs

Make = Callable[..., Telemetry]


@pytest.fixture(autouse=True)
def no_global_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which the application has set no provider yet."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    internal = sys.modules["opentelemetry.metrics._internal"]
    monkeypatch.setattr(internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(internal, "_METER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setattr(internal, "_PROXY_METER_PROVIDER", type(internal._PROXY_METER_PROVIDER)())
    monkeypatch.setattr("hardened.telemetry.notice._said", set())


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Telemetry under a policy; the file lies in the test's own directory."""
    made: list[Telemetry] = []

    def telemetry(service_name: str | None = None, file: bool = True, **sections: Any) -> Telemetry:
        section = {"file": {"path": str(tmp_path / "traces"), "enabled": file}, **sections}
        made.append(Telemetry(Policy.model_validate({"service_name": service_name, "telemetry": section})))
        return made[-1]

    yield telemetry
    for one in made:
        one.close(5)


def set_global(*exporters: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return provider


def file_spans(tmp_path: Path) -> list[dict[str, Any]]:
    requests = [json.loads(line) for file in tmp_path.glob("traces/*.jsonl") for line in file.read_text().splitlines()]
    return [
        span | {"resource": {item["key"]: item["value"] for item in r["resource"]["attributes"]}}
        for request in requests
        for r in request["resourceSpans"]
        for s in r["scopeSpans"]
        for span in s["spans"]
    ]


def names(tmp_path: Path) -> list[str]:
    return [span["name"] for span in file_spans(tmp_path)]


def otlp_names(sink: Sink) -> list[str]:
    messages = [ExportTraceServiceRequest.FromString(request.body) for request in sink.to("/v1/traces")]
    return [span.name for m in messages for r in m.resource_spans for s in r.scope_spans for span in s.spans]


# --- our own provider


def test_without_any_configuration_spans_go_to_the_local_file(make: Make, tmp_path: Path) -> None:
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert names(tmp_path) == ["chat"]
    assert telemetry.stats() == {"file": Counts(1, 1, 0)}


def test_no_global_provider_is_set(make: Make) -> None:
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    telemetry.meter().create_counter("c").add(1)
    assert trace._TRACER_PROVIDER is None
    assert sys.modules["opentelemetry.metrics._internal"]._METER_PROVIDER is None


def test_the_tracer_is_kept(make: Make) -> None:
    telemetry = make()
    assert telemetry.tracer() is telemetry.tracer()
    assert telemetry.meter() is telemetry.meter()


@pytest.mark.parametrize(
    ("policy_name", "env", "expected"),
    [
        ("mine", {}, "mine"),
        ("mine", {"OTEL_SERVICE_NAME": "theirs"}, "theirs"),
        ("mine", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod"}, "unknown_service"),
    ],
)
def test_the_service_name(
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy_name: str | None,
    env: dict[str, str],
    expected: str,
) -> None:
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    telemetry = make(policy_name)
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert file_spans(tmp_path)[0]["resource"]["service.name"]["stringValue"].startswith(expected)


def test_the_sampler_of_the_environment(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert names(tmp_path) == []


def test_context_is_stamped(make: Make, tmp_path: Path) -> None:
    telemetry = make()
    with context(user_id="u1"):
        telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert {"key": "user.id", "value": {"stringValue": "u1"}} in file_spans(tmp_path)[0]["attributes"]


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_otlp_where_an_endpoint_is_named(
    make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, sink.url + ("/v1/traces" if "TRACES" in variable else ""))
    telemetry = make(file=False)
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert otlp_names(sink) == ["chat"]
    assert telemetry.stats() == {"otlp": Counts(1, 1, 0)}


def test_otlp_switched_off(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    telemetry = make(otlp={"enabled": False})
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert list(telemetry.stats()) == ["file"]
    assert sink.requests == []


def test_the_console(make: Make, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    telemetry = make(file=False)
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert list(telemetry.stats()) == ["console"]


@pytest.mark.parametrize(("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_switched_off_by_opentelemetrys_own_variables(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    telemetry = make()
    assert isinstance(telemetry.tracer(), NoOpTracer)
    assert telemetry.flush(LONG)
    assert not (tmp_path / "traces").exists()


def test_a_wrong_variable_of_opentelemetry_is_told_and_costs_only_the_traces(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many")
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    telemetry.tracer().start_span("chat").end()
    assert caplog.text.count("no traces are recorded") == 1
    assert "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer" in caplog.text


def test_grpc_without_its_package(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc.trace_exporter", None)
    telemetry = make(file=False)
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert "opentelemetry-exporter-otlp-proto-grpc" in caplog.text
    assert telemetry.stats() == {"otlp": Counts(1, 0, 1)}


@pytest.mark.parametrize(
    ("enabled", "env", "signal", "expected"),
    [
        ("auto", {}, "TRACES", False),
        ("auto", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "TRACES", True),
        ("auto", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "METRICS", False),
        ("auto", {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://x"}, "METRICS", True),
        ("auto", {"OTEL_TRACES_EXPORTER": "otlp"}, "TRACES", True),
        ("auto", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "console"}, "TRACES", False),
        ("auto", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_METRICS_EXPORTER": "none"}, "METRICS", False),
        (True, {}, "TRACES", True),
        (True, {"OTEL_METRICS_EXPORTER": "none"}, "METRICS", False),
        (False, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "TRACES", False),
    ],
)
def test_when_otlp_is_on(enabled: Any, env: dict[str, str], signal: str, expected: bool) -> None:
    policy = Policy.model_validate({"telemetry": {"otlp": {"enabled": enabled}}})
    assert destinations.otlp_enabled(policy, env, signal) is expected


def test_an_otlp_endpoint_at_langfuse_is_not_a_second_way_there() -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://cloud.langfuse.com/api/public/otel"}
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-" + "x", "LANGFUSE_SECRET_KEY": "sk-" + "x"}
    assert [one.name for one in destinations.own_deliveries(Policy(), env)] == ["otlp"]
    assert destinations.own_deliveries(Policy(), {**env, **keys}) == []


# --- the application's provider


def test_the_applications_provider_is_used_and_delivers_to_us(make: Make, tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    provider = set_global(exporter)
    telemetry = make()
    with provider.get_tracer("web").start_as_current_span("GET /"):
        telemetry.tracer().start_span("chat").end()
        provider.get_tracer("other").start_span("their llm", attributes={"gen_ai.operation.name": "chat"}).end()
    assert telemetry.flush(LONG)
    assert [span.name for span in exporter.get_finished_spans()] == ["chat", "their llm", "GET /"]
    assert names(tmp_path) == ["chat", "their llm"]  # spans that are not about LLMs are none of our business


def test_a_provider_that_appears_later_is_moved_to(make: Make, tmp_path: Path) -> None:
    telemetry = make()
    telemetry.tracer().start_span("before").end()
    begun = telemetry.tracer().start_span("begun before")
    exporter = InMemorySpanExporter()
    set_global(exporter)
    telemetry.tracer().start_span("after").end()
    begun.end()
    assert telemetry.flush(LONG)
    assert [span.name for span in exporter.get_finished_spans()] == ["after"]
    assert sorted(names(tmp_path)) == ["after", "before", "begun before"]


def test_otlp_of_an_applications_provider_is_its_own_choice(
    make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    set_global()
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert list(telemetry.stats()) == ["file"]
    assert sink.requests == []


def test_joining_happens_once(make: Make, tmp_path: Path) -> None:
    provider = set_global()
    telemetry = make()
    for _ in range(3):
        telemetry.tracer()
        telemetry._tracer = None
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert names(tmp_path) == ["chat"]
    assert len(provider._active_span_processor._span_processors) == 2  # the file, and what stamps the context


def test_a_provider_that_takes_no_processors(make: Make) -> None:
    class Closed(trace.TracerProvider):
        def get_tracer(self, *_: Any, **__: Any) -> trace.Tracer:
            return NoOpTracer()

    trace.set_tracer_provider(Closed())
    make().tracer().start_span("chat").end()


def test_the_applications_shutdown_delivers_what_it_gave_us(make: Make, tmp_path: Path) -> None:
    provider = set_global()
    make().tracer().start_span("chat").end()
    provider.shutdown()
    assert names(tmp_path) == ["chat"]


# --- content, destination by destination

MESSAGES = {"gen_ai.input.messages": "[]", "gen_ai.tool.call.result": "r", "gen_ai.request.model": "m"}


def content_of(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **telemetry: Any) -> list[bool]:
    """Whether the file and OTLP got content."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    made = make(**telemetry)
    made.tracer().start_span("chat", attributes=MESSAGES).end()
    assert made.flush(LONG)
    (in_file,) = file_spans(tmp_path)
    message = ExportTraceServiceRequest.FromString(sink.to("/v1/traces")[0].body)
    in_otlp = message.resource_spans[0].scope_spans[0].spans[0]
    keys = [{item["key"] for item in in_file["attributes"]}, {item.key for item in in_otlp.attributes}]
    assert all("gen_ai.request.model" in found for found in keys)
    return [set(MESSAGES) <= found for found in keys]


@pytest.mark.parametrize(
    ("variable", "otlp"),
    [
        (None, False),
        ("span_only", True),
        ("SPAN_AND_EVENT", True),
        ("event_only", False),
        ("no_content", False),
        ("true", False),
    ],
)
def test_otlp_follows_the_variable(
    make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None, otlp: bool
) -> None:
    if variable:
        monkeypatch.setenv(destinations.CAPTURE_VARIABLE, variable)
    assert content_of(make, sink, monkeypatch, tmp_path) == [True, otlp]


def test_the_policy_wins_over_the_variable(
    make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert content_of(make, sink, monkeypatch, tmp_path, otlp={"content": True}) == [True, True]


def test_no_content_at_all(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(destinations.CAPTURE_VARIABLE, "span_only")
    assert content_of(make, sink, monkeypatch, tmp_path, content=False) == [False, False]


def test_the_old_form_of_the_variable_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert not destinations.variable_wants_content({destinations.CAPTURE_VARIABLE: "true"})
    assert caplog.text.count("is the old form") == 1


@pytest.mark.parametrize(
    ("policy", "env", "wanted"),
    [
        ({}, {}, True),
        ({"preset": "strict"}, {destinations.CAPTURE_VARIABLE: "span_only"}, False),
        ({"telemetry": {"content": False}}, {}, False),
        ({"telemetry": {"file": {"enabled": False}}}, {}, False),
        ({"telemetry": {"file": {"enabled": False}}}, {destinations.CAPTURE_VARIABLE: "span_only"}, True),
        ({"telemetry": {"file": {"enabled": False}, "otlp": {"content": True}}}, {}, True),
        ({}, {"OTEL_SDK_DISABLED": "true"}, False),
        ({}, {"OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_content_is_recorded_if_any_destination_wants_it(
    policy: dict[str, Any], env: dict[str, str], wanted: bool
) -> None:
    assert destinations.wants_content(Policy.model_validate(policy), env) is wanted


def test_langfuse_wants_content() -> None:
    policy = Policy.model_validate({"telemetry": {"file": {"enabled": False}}})
    keys = {"LANGFUSE_PUBLIC_KEY": "pk-" + "x", "LANGFUSE_SECRET_KEY": "sk-" + "x"}
    assert destinations.wants_content(policy, keys)
    silent = Policy.model_validate({"telemetry": {"file": {"enabled": False}, "langfuse": {"content": False}}})
    assert not destinations.wants_content(silent, keys)


# --- metrics


def test_the_applications_meter_provider(make: Make) -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    make().meter().create_counter("c").add(2)
    data = reader.get_metrics_data()
    assert data is not None
    assert data.resource_metrics[0].scope_metrics[0].scope.name == "hardened"


def test_a_meter_before_the_applications_provider_is_not_lost(make: Make) -> None:
    counter = make().meter().create_counter("c")
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    counter.add(1)
    assert reader.get_metrics_data() is not None


def test_metrics_over_otlp(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    telemetry = make(file=False)
    telemetry.meter().create_counter("calls").add(2)
    assert telemetry.flush(LONG)
    message = ExportMetricsServiceRequest.FromString(sink.to("/v1/metrics")[0].body)
    assert message.resource_metrics[0].scope_metrics[0].metrics[0].name == "calls"
    assert telemetry.close(LONG)  # while there still is a server


def test_what_could_not_be_sent_is_a_metric(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{sink.url}/v1/traces")
    sink.answer = lambda _request: 400
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    telemetry = make()
    for _ in range(3):
        telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert metric.name == "hardened.telemetry.dropped"
    assert [point.value for point in metric.data.data_points] == [3]


def test_metrics_switched_off(make: Make) -> None:
    assert isinstance(make(metrics=False).meter(), NoOpMeter)


# --- the end


@pytest.mark.parametrize("status", [400, 500])
def test_an_endpoint_that_refuses(make: Make, sink: Sink, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{sink.url}/v1/traces")
    sink.answer = lambda _request: status
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    assert telemetry.flush(LONG)
    assert telemetry.stats() == {"file": Counts(1, 1, 0), "otlp": Counts(1, 0, 1)}


def test_an_endpoint_that_hangs_holds_neither_flush_nor_close(
    make: Make, sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{sink.url}/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "60")
    sink.answer = lambda _request: None
    telemetry = make()
    telemetry.tracer().start_span("chat").end()
    assert not telemetry.flush(0.5)
    assert not telemetry.close(0.5)
    assert names(tmp_path) == ["chat"]
    assert telemetry.stats()["otlp"].undelivered == 1


SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s")
from hardened.telemetry import providers
providers.tracer().start_span("chat").end()
"""


def run(code: str, tmp_path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={
            **{k: os.environ[k] for k in ("PATH", "PYTHONPATH") if k in os.environ},
            "HARDENED_TELEMETRY_FILE_PATH": "traces",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_the_exit_of_the_process_delivers(tmp_path: Path) -> None:
    done = run(SCRIPT, tmp_path)
    assert names(tmp_path) == ["chat"]
    assert done.stderr == ""


def test_an_endpoint_that_hangs_does_not_hold_the_exit(tmp_path: Path, sink: Sink) -> None:
    sink.answer = lambda _request: None  # until the test ends, which the process does not wait for
    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sink.url}/v1/traces", "OTEL_EXPORTER_OTLP_TIMEOUT": "3600"}
    done = run(SCRIPT, tmp_path, **endpoint)
    assert names(tmp_path) == ["chat"]
    assert "hardened: telemetry that was not delivered: 1 of 1 to otlp;" in done.stderr


def test_the_exporters_are_imported_only_where_they_are_needed(tmp_path: Path) -> None:
    heavy = "requests", "opentelemetry.exporter", "opentelemetry.sdk.metrics", "google.protobuf", "urllib.request"
    code = f"{SCRIPT}providers.meter()\nprint([name for name in {heavy!r} if name in sys.modules])"
    assert run(code, tmp_path).stdout == "[]\n"


MULTIPROCESSING = """
import multiprocessing, sys
from hardened.telemetry import providers

def work(name):
    providers.tracer().start_span(name).end()

if __name__ == "__main__":
    work("parent")
    for method in ("fork", "spawn", "forkserver"):
        process = multiprocessing.get_context(method).Process(target=work, args=(method,))
        process.start()
        process.join()
"""


def test_children_of_multiprocessing_deliver_before_they_end(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(MULTIPROCESSING)
    run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')", tmp_path)  # in a process of its own
    assert sorted(names(tmp_path)) == ["fork", "forkserver", "parent", "spawn"]


RECONFIGURED = """
import hardened.policy.active as policies
from hardened.telemetry import providers
providers.tracer().start_span("before").end()
policies.configure(telemetry_file_path="other")
providers.tracer().start_span("after").end()
print(providers.flush(30), list(providers.stats()))
"""


def test_another_policy_takes_effect_with_the_next_span(tmp_path: Path) -> None:
    code = RECONFIGURED.replace('="other"', '="traces/other"')
    done = run(code, tmp_path, HARDENED_TELEMETRY_FILE_PATH="")
    assert done.stdout == "True ['file']\n"
