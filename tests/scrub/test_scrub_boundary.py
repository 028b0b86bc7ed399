"""Every exporter is reached: whoever made it, whenever, on whichever provider, in whichever process."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk import _shared_internal
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs import export as logs_export
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scrub_canaries import CANARIES, leaks

from hardened.telemetry import scrub
from hardened.telemetry.scrub import boundary
from hardened_detectors.api import Finding

EMAIL = CANARIES["email"]

SEAMS = [
    (Span, "_readable_span"),
    (SimpleSpanProcessor, "span_exporter"),
    (_shared_internal.BatchProcessor, "_exporter"),
    (logs_export.SimpleLogRecordProcessor, "_exporter"),
    (MetricReader, "_collect"),
]


class Recorder(SpanExporter):
    """Keeps the JSON of what it gets."""

    def __init__(self) -> None:
        self.json = ""
        self.shut_down = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.json += "".join(span.to_json() for span in spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.shut_down += 1


def end_a_span(provider: TracerProvider, text: str = f"for {EMAIL}") -> None:
    provider.get_tracer("tests").start_span("keep", attributes={"note": text, "keep": "me 1"}).end()


def provider_with(*processors: SpanProcessor) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def test_processors_made_before_and_after(scrubber: scrub.Scrubber) -> None:
    before, after = Recorder(), Recorder()
    provider = provider_with(SimpleSpanProcessor(before), BatchSpanProcessor(before))
    scrub.install(scrubber)
    try:
        provider.add_span_processor(SimpleSpanProcessor(after))
        provider.add_span_processor(BatchSpanProcessor(after))
        other = provider_with(BatchSpanProcessor(after))
        end_a_span(provider)
        end_a_span(other)
        provider.force_flush()
        other.force_flush()
    finally:
        scrub.uninstall()
    assert before.json.count("for [EMAIL]") == 2 and after.json.count("for [EMAIL]") == 3
    assert not leaks(EMAIL, before.json + after.json)
    provider.shutdown()
    other.shutdown()


def test_spans_that_wait_in_a_queue_since_before(scrubber: scrub.Scrubber) -> None:
    recorder = Recorder()
    provider = provider_with(BatchSpanProcessor(recorder, schedule_delay_millis=60_000))
    end_a_span(provider)
    scrub.install(scrubber)
    try:
        provider.force_flush()
    finally:
        scrub.uninstall()
    assert "for [EMAIL]" in recorder.json
    provider.shutdown()


def test_uninstall_puts_everything_back(scrubber: scrub.Scrubber) -> None:
    before = [owner.__dict__.get(name) for owner, name in SEAMS]
    get_logger = logging.getLogger
    exporter = Recorder()
    processor = SimpleSpanProcessor(exporter)
    scrub.install(scrubber)
    assert all(owner.__dict__.get(name) is not was for (owner, name), was in zip(SEAMS, before, strict=True))
    made_meanwhile = SimpleSpanProcessor(exporter)
    assert processor.span_exporter is not exporter
    scrub.uninstall()
    scrub.uninstall()
    assert [owner.__dict__.get(name) for owner, name in SEAMS] == before
    assert processor.span_exporter is exporter and made_meanwhile.span_exporter is exporter
    assert logging.getLogger is get_logger and "getLogger" not in vars(logging.Logger.manager)
    assert not any(isinstance(f, scrub.LogFilter) for f in logging.getLogger("openai._base_client").filters)
    end_a_span(provider_with(processor))
    assert EMAIL in exporter.json


def test_a_second_install_changes_the_scrubber_and_nothing_else(installed: scrub.Scrubber) -> None:
    layers = [owner.__dict__.get(name) for owner, name in SEAMS]
    scrub.install()
    assert scrub.stats() is installed.stats  # nothing asked for another one
    scrub.install(scrub.Scrubber(lambda text: [Finding("own", "mine", 0, len(text))]))
    assert [owner.__dict__.get(name) for owner, name in SEAMS] == layers
    recorder = Recorder()
    end_a_span(provider_with(SimpleSpanProcessor(recorder)))
    assert '"note": "[MINE]"' in recorder.json


def test_whoever_patches_over_us_keeps_working(scrubber: scrub.Scrubber) -> None:
    scrub.install(scrubber)
    ours = Span._readable_span
    try:
        Span._readable_span = lambda self: ours(self)  # type: ignore[method-assign]
        scrub.uninstall()
        recorder = Recorder()
        end_a_span(provider_with(SimpleSpanProcessor(recorder)))
        assert EMAIL in recorder.json
    finally:
        Span._readable_span = boundary_original(ours)  # type: ignore[method-assign]


def boundary_original(layer: Any) -> Any:
    """What our layer calls."""
    return next(cell.cell_contents for cell in layer.__closure__ if callable(cell.cell_contents))


def test_the_wrapper_looks_like_the_exporter(installed: scrub.Scrubber) -> None:
    exporter = InMemorySpanExporter()
    processor, batch = SimpleSpanProcessor(exporter), BatchSpanProcessor(exporter)
    handed_out = processor.span_exporter
    assert isinstance(handed_out, InMemorySpanExporter) and handed_out == exporter and handed_out is not exporter
    assert processor.span_exporter is handed_out and isinstance(batch.span_exporter, InMemorySpanExporter)
    handed_out.tag = 1  # type: ignore[attr-defined]
    assert exporter.tag == 1  # type: ignore[attr-defined]
    another = SimpleSpanProcessor(handed_out)  # a wrapper is not wrapped again
    assert another.span_exporter == exporter and vars(another)["span_exporter"] is exporter
    assert scrub.scrubbed(handed_out) is handed_out
    processor.span_exporter = other = InMemorySpanExporter()
    assert processor.span_exporter == other
    end_a_span(provider_with(processor))
    assert [span.name for span in other.get_finished_spans()] == ["keep"]
    batch.shutdown()


def test_subclasses_of_processors(installed: scrub.Scrubber) -> None:
    class Own(SimpleSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            self.span_exporter.export([span])

    class OwnBatch(BatchSpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            super().on_end(span)

    recorder = Recorder()
    provider = provider_with(Own(recorder), OwnBatch(recorder))
    end_a_span(provider)
    provider.force_flush()
    assert recorder.json.count("for [EMAIL]") == 2 and not leaks(EMAIL, recorder.json)
    provider.shutdown()
    assert recorder.shut_down == 2


class OwnProcessor(SpanProcessor):
    """Exports by itself, and looks at what does not concern anybody."""

    def __init__(self) -> None:
        self.seen: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.seen.append(span)


def test_processors_without_an_exporter(installed: scrub.Scrubber) -> None:
    processor = OwnProcessor()
    end_a_span(provider_with(processor))
    (span,) = processor.seen
    assert vars(span).keys().isdisjoint({"_name", "_attributes"})  # nothing has been scrubbed in the thread of the call
    assert dict(span.attributes or {}) == {"note": "for [EMAIL]", "keep": "me 1"}
    assert dict(span._attributes or {}) == dict(span.attributes or {})  # type: ignore[attr-defined]
    assert span.start_time and span.end_time and span.context and span.kind and span.status.is_unset
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (0, 0, 0)
    assert not leaks(EMAIL, span.to_json()) and not leaks(EMAIL, repr(vars(span)))


def test_what_a_processor_adds_to_an_ended_span_is_scrubbed_too(installed: scrub.Scrubber) -> None:
    class Adds(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            span._name = f"late {EMAIL}"  # type: ignore[attr-defined]

    recorder = Recorder()
    end_a_span(provider_with(Adds(), SimpleSpanProcessor(recorder)))
    assert "late [EMAIL]" in recorder.json and "for [EMAIL]" in recorder.json and not leaks(EMAIL, recorder.json)


def test_counts_of_dropped_items_survive(installed: scrub.Scrubber) -> None:
    from opentelemetry.sdk.trace import SpanLimits

    memory = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_attributes=1, max_events=1), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    span = provider.get_tracer("tests").start_span("keep", attributes={"a": 1, "b": EMAIL})
    span.add_event("one")
    span.add_event(EMAIL)
    span.end()
    (exported,) = memory.get_finished_spans()
    assert (exported.dropped_attributes, exported.dropped_events) == (1, 1)
    assert exported.events[0].name == "[EMAIL]"


def test_a_clean_span_is_handed_on_as_it_is(installed: scrub.Scrubber) -> None:
    records = boundary._state.records
    assert records is not None
    memory = InMemorySpanExporter()
    end_a_span(provider_with(SimpleSpanProcessor(memory)), "clean 1")
    (exported,) = memory.get_finished_spans()
    plain = ReadableSpan("keep 1", exported.context, attributes={"a": 1}, resource=exported.resource)
    assert records.span(exported) is exported and records.span(plain) is plain
    private = ReadableSpan(EMAIL, exported.context, resource=exported.resource)
    assert records.span(private).name == "[EMAIL]" and private.name == EMAIL


def test_what_cannot_be_scrubbed_is_dropped(installed: scrub.Scrubber) -> None:
    class Hostile(ReadableSpan):
        @property
        def name(self) -> str:
            raise RuntimeError(EMAIL)

    dropped = scrub.stats().dropped
    memory = InMemorySpanExporter()
    processor = BatchSpanProcessor(memory)
    for item in (Hostile("x"), object()):
        processor._batch_processor.emit(item)
    assert processor.force_flush()
    assert memory.get_finished_spans() == () and scrub.stats().dropped == dropped + 2
    processor.shutdown()


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_exporters_that_raise_or_fail(
    installed: scrub.Scrubber, processor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Raises(Recorder):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            super().export(spans)
            raise RuntimeError(f"cannot send {spans[0].attributes}")

    exporter = Raises()
    provider = provider_with(processor(exporter))
    end_a_span(provider)
    provider.force_flush()
    assert "for [EMAIL]" in exporter.json
    assert "cannot send" in caplog.text and not leaks(EMAIL, caplog.text)
    failing = scrub.scrubbed(Recorder())
    failing.__wrapped__.export = lambda spans: SpanExportResult.FAILURE
    assert failing.export([ReadableSpan("keep")]) is SpanExportResult.FAILURE
    provider.shutdown()


def test_what_a_detector_raises_never_reaches_the_application() -> None:
    def broken(text: str) -> Sequence[Finding]:
        raise RuntimeError(text)

    scrub.install(scrub.Scrubber(broken))
    try:
        recorder = Recorder()
        end_a_span(provider_with(SimpleSpanProcessor(recorder)))
    finally:
        scrub.uninstall()
    assert '"note": "[SCRUB_FAILED len=' in recorder.json and EMAIL not in recorder.json


def test_texts_can_be_scrubbed_before_they_are_cut(scrubber: scrub.Scrubber) -> None:
    assert scrub.scrub_text(f"for {EMAIL}") == f"for {EMAIL}"  # nothing is installed
    scrub.install(scrubber)
    try:
        assert scrub.scrub_text(f"for {EMAIL}") == "for [EMAIL]"
        assert scrub.scrub_text(f"for {EMAIL}", key="password") == "[REDACTED]"
    finally:
        scrub.uninstall()


def test_the_filter_chooses_what_each_exporter_gets(installed: scrub.Scrubber) -> None:
    wanted, unwanted = Recorder(), Recorder()
    seen: list[str] = []

    def only(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
        seen.extend(str((span.attributes or {}).get("note")) for span in spans)
        return spans if exporter is wanted else []

    scrub.set_span_filter(only)
    end_a_span(provider_with(SimpleSpanProcessor(wanted), SimpleSpanProcessor(unwanted)))
    assert wanted.json and not unwanted.json
    assert seen == ["for [EMAIL]", "for [EMAIL]"]


def test_a_filter_that_breaks_lets_only_metadata_through(installed: scrub.Scrubber) -> None:
    def breaks(exporter: SpanExporter, spans: Sequence[ReadableSpan]) -> Sequence[ReadableSpan]:
        raise RuntimeError

    scrub.set_span_filter(breaks)
    memory = InMemorySpanExporter()
    provider = provider_with(SimpleSpanProcessor(memory))
    attributes = {"gen_ai.request.model": "gpt-5", "gen_ai.input.messages": "hello 1", "tokens": 5, "user.id": "u1"}
    with provider.get_tracer("tests").start_as_current_span("chat gpt-5", attributes=attributes) as span:
        span.add_event("event", {"text": "hello 2"})
        span.set_status(trace.StatusCode.ERROR, "hello 3")
    (exported,) = memory.get_finished_spans()
    assert exported.name == "chat gpt-5" and exported.start_time == span.start_time  # type: ignore[attr-defined]
    assert dict(exported.attributes or {}) == {"gen_ai.request.model": "gpt-5", "tokens": 5}
    assert "hello" not in exported.to_json() and exported.status.status_code is trace.StatusCode.ERROR


@pytest.fixture
def sdk_without_a_seam(monkeypatch: pytest.MonkeyPatch, scrubber: scrub.Scrubber) -> Iterator[None]:
    class Renamed(SimpleSpanProcessor):
        def __init__(self, exporter: SpanExporter) -> None:
            self._elsewhere = exporter

    from opentelemetry.sdk.trace import export

    monkeypatch.setattr(export, "SimpleSpanProcessor", Renamed)
    yield
    scrub.uninstall()


@pytest.mark.usefixtures("sdk_without_a_seam")
def test_a_missing_seam_is_told_and_only_metadata_leaves(
    scrubber: scrub.Scrubber, caplog: pytest.LogCaptureFixture
) -> None:
    scrub.install(scrubber)
    assert scrub.missing() == ("opentelemetry.sdk.trace.export.SimpleSpanProcessor.span_exporter",)
    assert len([r for r in caplog.records if "lacks" in r.message]) == 1
    recorder = Recorder()
    provider = provider_with(BatchSpanProcessor(recorder))
    end_a_span(provider)
    provider.force_flush()
    assert '"name": "keep"' in recorder.json and '"note"' not in recorder.json and "me 1" not in recorder.json
    provider.shutdown()

    name = "InMemoryLogRecordExporter" if hasattr(logs_export, "InMemoryLogRecordExporter") else "InMemoryLogExporter"
    memory = getattr(logs_export, name)()
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(logs_export.SimpleLogRecordProcessor(memory))
    loggers.get_logger("tests").emit(body="hello", attributes={"note": "hello", "n": 1})
    (item,) = memory.get_finished_logs()
    assert item.log_record.body is None and dict(item.log_record.attributes or {}) == {"n": 1}
    scrub.uninstall()
    assert scrub.missing() == ()


def test_all_seams_are_there() -> None:
    """The contract with the SDK that is installed."""
    scrub.install()
    try:
        assert scrub.missing() == ()
        assert all(isinstance(owner.__dict__[name], boundary._InstanceAttribute) for owner, name in SEAMS[1:])
    finally:
        scrub.uninstall()


def test_readers_of_metrics_made_before(scrubber: scrub.Scrubber) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    unregistered = InMemoryMetricReader()
    counter = provider.get_meter("tests").create_counter("keep")
    counter.add(3, {"note": EMAIL})
    scrub.install(scrubber)
    try:
        data = reader.get_metrics_data()
        assert unregistered._collect is None
        assert unregistered.get_metrics_data() is None
    finally:
        scrub.uninstall()
    assert data is not None and "[EMAIL]" in data.to_json() and not leaks(EMAIL, data.to_json())
    raw = reader.get_metrics_data()
    assert raw is not None and EMAIL in raw.to_json()  # what the SDK keeps counting was never changed


def test_many_threads_at_once(installed: scrub.Scrubber) -> None:
    console = io.StringIO()
    provider = provider_with(BatchSpanProcessor(ConsoleSpanExporter(out=console)), OwnProcessor())

    def work(number: int) -> None:
        for turn in range(50):
            end_a_span(provider, f"thread {number} turn {turn} for {EMAIL}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.force_flush()
    provider.shutdown()
    assert console.getvalue().count("for [EMAIL]") == 200 and not leaks(EMAIL, console.getvalue())


PREAMBLE = """
    import os, sys, logging
    from opentelemetry import trace
    EMAIL = sys.argv[1]
    def console_provider(make=None):
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(), schedule_delay_millis=60_000))
        return provider
"""

SCRIPTS = {
    "installed before anything of the SDK is imported": """
        from hardened.telemetry import scrub
        scrub.install()
        trace.set_tracer_provider(console_provider())
        trace.get_tracer("t").start_span("a", attributes={"note": EMAIL}).end()
    """,
    "global provider set before": """
        trace.set_tracer_provider(console_provider())
        tracer = trace.get_tracer("t")
        span = tracer.start_span("a", attributes={"note": EMAIL})
        from hardened.telemetry import scrub
        scrub.install()
        span.end()
    """,
    "tracer made before there is a provider": """
        tracer = trace.get_tracer("t")
        from hardened.telemetry import scrub
        scrub.install()
        trace.set_tracer_provider(console_provider())
        tracer.start_span("a", attributes={"note": EMAIL}).end()
    """,
    "a forked child": """
        from hardened.telemetry import scrub
        provider = console_provider()
        scrub.install()
        child = os.fork()
        if child == 0:
            provider.get_tracer("t").start_span("a", attributes={"note": EMAIL}).end()
            provider.force_flush()
            sys.stdout.flush()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """,
    "a child forked while other threads export": """
        import io, threading
        from hardened.telemetry import scrub
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
        provider = TracerProvider()
        # Not to stdout: Python's own lock of it could be held by one of these threads at the time of the fork.
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=io.StringIO())))
        scrub.install()
        stop = threading.Event()
        def work():
            n = 0
            while not stop.is_set():
                n += 1
                provider.get_tracer("t").start_span("b", attributes={"note": f"{n} {EMAIL}"}).end()
                provider.force_flush()
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads: thread.start()
        for _ in range(3):
            child = os.fork()
            if child == 0:
                own = console_provider()
                own.get_tracer("t").start_span("a", attributes={"note": EMAIL}).end()
                own.force_flush()
                sys.stdout.flush()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads: thread.join()
    """,
    "logs and metrics imported after": """
        from hardened.telemetry import scrub
        scrub.install()
        assert "opentelemetry.sdk.metrics.export" not in sys.modules
        assert "opentelemetry.sdk._logs.export" not in sys.modules
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader
        from opentelemetry.sdk._logs import LoggerProvider, export
        meters = MeterProvider([PeriodicExportingMetricReader(ConsoleMetricExporter())])
        meters.get_meter("t").create_counter("c").add(1, {"note": EMAIL})
        logs = LoggerProvider()
        exporter = getattr(export, "ConsoleLogRecordExporter", None) or export.ConsoleLogExporter
        logs.add_log_record_processor(export.SimpleLogRecordProcessor(exporter()))
        from opentelemetry._logs import LogRecord
        logs.get_logger("t").emit(LogRecord(timestamp=1, body=EMAIL))
        assert scrub.missing() == ()
    """,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_processes(script: str, tmp_path: Path) -> None:
    """The spans are flushed when the process ends."""
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(PREAMBLE) + textwrap.dedent(SCRIPTS[script]))
    done = subprocess.run([sys.executable, file, EMAIL], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "[EMAIL]" in done.stdout
    assert not leaks(EMAIL, done.stdout) and not leaks(EMAIL, done.stderr)
