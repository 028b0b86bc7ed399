"""A destination that is slow, down or broken costs the application nothing, and every span is accounted for."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence

import pytest
from export_support import make_span
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from hardened.telemetry.delivery import Counts, Delivery, LazyExporter

LONG = 30.0  # seconds; tests end far earlier unless something hangs


class Recorder(SpanExporter):
    """Remembers what it gets; holds each batch while `gate` is closed; answers `result` or raises it."""

    def __init__(self, result: SpanExportResult | Exception = SpanExportResult.SUCCESS) -> None:
        self.result = result
        self.names: list[str] = []
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.entered.set()
        self.gate.wait(LONG)
        if isinstance(self.result, Exception):
            raise self.result
        self.names += [span.name for span in spans]
        return self.result


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    yield made
    made.gate.set()


def closed(recorder: Recorder) -> Recorder:
    recorder.gate.clear()
    return recorder


def test_spans_are_delivered_and_counted(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder)
    for name in "abc":
        delivery.on_end(make_span(name))
    assert delivery.force_flush(int(LONG * 1000))
    assert recorder.names == ["a", "b", "c"]
    assert delivery.counts == Counts(accepted=3, delivered=3, failed=0)


def test_only_wanted_spans_are_queued(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder, lambda span: span.name != "b")
    for name in "abc":
        delivery.on_end(make_span(name))
    assert delivery.close(LONG)
    assert recorder.names == ["a", "c"]


def test_a_span_that_cannot_be_judged_harms_nobody(recorder: Recorder) -> None:
    def wanted(_span: ReadableSpan) -> bool:
        raise ValueError

    delivery = Delivery("test", recorder, wanted)
    delivery.on_end(make_span())
    assert delivery.close(LONG)
    assert recorder.names == []


@pytest.mark.parametrize("result", [SpanExportResult.FAILURE, ValueError("what a span said"), KeyError("x")])
def test_a_failing_exporter_is_counted_and_named_once(
    result: SpanExportResult | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = Delivery("test", Recorder(result))
    for name in "ab":
        delivery.on_end(make_span(name))
        assert delivery.force_flush(int(LONG * 1000))
    assert delivery.counts == Counts(accepted=2, delivered=0, failed=2)
    ours = [record.getMessage() for record in caplog.records if record.name == "hardened.telemetry"]
    expected = (
        [f"hardened: traces could not be sent to test: {type(result).__name__}"]
        if isinstance(result, Exception)
        else []
    )
    assert ours == expected
    assert "what a span said" not in caplog.text


def test_a_hanging_exporter_delays_neither_spans_nor_flush_nor_close(recorder: Recorder) -> None:
    delivery = Delivery("test", closed(recorder))
    delivery.on_end(make_span("a"))
    assert not delivery.force_flush(50)
    assert recorder.entered.is_set()
    threads = threading.active_count()
    for _ in range(5):
        delivery.on_end(make_span("b"))
        assert not delivery.force_flush(1)
    assert threading.active_count() == threads  # flushes do not pile up
    assert not delivery.close(0.05)
    assert delivery.counts.delivered == 0


def test_a_flush_that_waited_covers_what_ended_meanwhile(recorder: Recorder) -> None:
    delivery = Delivery("test", closed(recorder))
    delivery.on_end(make_span("a"))
    assert not delivery.force_flush(50)
    delivery.on_end(make_span("b"))
    recorder.gate.set()
    assert delivery.force_flush(int(LONG * 1000))
    assert recorder.names == ["a", "b"]


def test_what_does_not_fit_into_the_queue_is_dropped_and_counted(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    delivery = Delivery("test", closed(recorder))
    lost: list[int] = []
    delivery.on_lost = lost.append
    delivery.on_end(make_span("first"))
    delivery.start_flush()
    assert recorder.entered.wait(LONG)  # the first is in flight, the queue is empty
    for number in range(25):
        delivery.on_end(make_span(str(number)))
    recorder.gate.set()
    assert not delivery.close(LONG)
    assert delivery.counts == Counts(accepted=26, delivered=11, failed=0)
    assert delivery.counts.undelivered == sum(lost) == 15


def test_a_closed_delivery_takes_nothing_more(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder)
    delivery.on_end(make_span("a"))
    assert delivery.close(LONG)
    delivery.on_end(make_span("b"))
    assert delivery.force_flush(1)
    assert recorder.names == ["a"]
    assert delivery.counts.accepted == 1


def test_the_shutdown_of_one_provider_leaves_the_others_their_delivery(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder)
    delivery.on_end(make_span("a"))
    delivery.shutdown()
    assert recorder.names == ["a"]
    delivery.on_end(make_span("b"))
    assert delivery.close(LONG)
    assert recorder.names == ["a", "b"]


def test_a_forked_child_delivers_its_own_spans_and_no_others(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder)
    delivery.on_end(make_span("parent"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            delivery.on_end(make_span("child"))
            delivery.force_flush(int(LONG * 1000))
            os.write(writing, f"{recorder.names[-1]} {delivery.counts}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 1000).decode() == f"child {Counts(1, 1, 0)}"
    os.close(reading)
    assert delivery.close(LONG)
    assert recorder.names == ["parent"]


def test_an_exporter_is_made_when_it_is_needed() -> None:
    made: list[Recorder] = []

    def make() -> SpanExporter:
        made.append(Recorder())
        return made[-1]

    delivery = Delivery("test", LazyExporter(make))
    assert made == []
    delivery.on_end(make_span("a"))
    delivery.on_end(make_span("b"))
    assert delivery.close(LONG)
    assert [exporter.names for exporter in made] == [["a", "b"]]


def test_an_unused_exporter_is_never_made() -> None:
    def make() -> SpanExporter:
        raise AssertionError("nothing was to be exported")

    assert Delivery("test", LazyExporter(make)).close(LONG)


def test_spans_are_exported_without_a_flush(recorder: Recorder) -> None:
    delivery = Delivery("test", recorder)
    delivery.on_end(make_span("a"))
    assert recorder.entered.wait(LONG)
    delivery.close(LONG)
