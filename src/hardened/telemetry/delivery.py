"""One destination of spans: its queue, the thread that empties it, and what became of every span.

A destination that is down, slow, or answers errors costs the application nothing: spans wait in a bounded queue
(OpenTelemetry's `BatchSpanProcessor`, `OTEL_BSP_*`), what does not fit is dropped, and everything is counted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.environment_variables import OTEL_BSP_SCHEDULE_DELAY
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from hardened.telemetry.faults import report

if TYPE_CHECKING:
    from opentelemetry.context import Context

_log = logging.getLogger("hardened.telemetry")

_SHUTDOWN_TIMEOUT_MS = 3000
_SCHEDULE_DELAY = 1000.0  # milliseconds; OpenTelemetry's 5000 is long for someone who looks into a local file


class Counts(NamedTuple):
    """What became of the spans (or scores) of one destination.

    `accepted` ended and were queued; `delivered` arrived; `failed` were refused, or the exporter broke. The rest still
    waits, or was dropped because the queue was full or the process ended.
    """

    accepted: int = 0
    delivered: int = 0
    failed: int = 0

    @property
    def undelivered(self) -> int:
        return self.accepted - self.delivered


class Delivery(SpanProcessor):
    """Queues the spans that `wanted` chooses and hands them to `exporter` in batches. Never raises.

    One delivery may serve several providers. A provider that is shut down leaves it running; `close` ends it.
    """

    def __init__(
        self, name: str, exporter: SpanExporter, wanted: Callable[[ReadableSpan], bool] = lambda _span: True
    ) -> None:
        self.name = name
        self.exporter = CountingExporter(exporter, name)
        self.on_lost: Callable[[int], None] = lambda _count: None
        """Called with the number of spans that were dropped or refused, as it happens."""
        self._wanted = wanted
        self._closed = False
        self._begin_count()
        self.exporter.on_failed = self._lost
        self._batches = BatchSpanProcessor(
            self.exporter,
            schedule_delay_millis=None if OTEL_BSP_SCHEDULE_DELAY in os.environ else _SCHEDULE_DELAY,
        )
        # In a forked child OpenTelemetry empties the queue and starts its thread anew; the parent counts the old spans.
        after_fork = weakref.WeakMethod(self._begin_count)
        os.register_at_fork(after_in_child=lambda: (method := after_fork()) and method())

    @property
    def counts(self) -> Counts:
        """What became of the spans so far, in this process."""
        return Counts(self._accepted, self.exporter.delivered, self.exporter.failed)

    def stats(self) -> dict[str, Counts]:
        """The same under the name of the destination, and what else goes there."""
        return {self.name: self.counts}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span is judged at its end, when it is complete."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span, if it is sampled and this destination wants it."""
        try:
            context = span.context
            if not self._closed and context is not None and context.trace_flags.sampled and self._wanted(span):
                self._enqueue(span)
        except Exception as error:  # noqa: BLE001 - never raises
            report("queueing a span", error)

    def _enqueue(self, span: ReadableSpan) -> None:
        with self._lock:
            self._accepted += 1
        processor: Any = self._batches._batch_processor
        queue = processor._queue
        if len(queue) == queue.maxlen:  # OpenTelemetry will drop the oldest
            self._lost(1)
        self._batches.on_end(span)

    def force_flush(self, timeout_millis: int | None = 30_000) -> bool:
        """Export what waits; false if that takes longer than the timeout."""
        return self.start_flush()((30_000 if timeout_millis is None else timeout_millis) / 1000)

    def start_flush(self) -> Callable[[float], bool]:
        """Begin to export what waits now. The function returned waits for the end, at most so many seconds.

        OpenTelemetry's own flush knows no timeout, so it runs in a thread: one, however often an exporter hangs.
        """
        if self._closed:
            return lambda _timeout: self.counts.undelivered == 0
        with self._lock:
            running = self._flushing if self._flushing is not None and self._flushing.is_alive() else None
            try:
                thread = running or self._start_flush_thread()
            except RuntimeError:  # the interpreter is going down; `close` will empty the queue
                return lambda _timeout: False
            self._flushing = thread

        def wait(timeout: float) -> bool:
            deadline = time.monotonic() + timeout
            thread.join(max(0.0, timeout))
            if thread.is_alive():
                return False
            # A flush that was already running may have looked at the queue before our last span was in it.
            return running is None or self.start_flush()(deadline - time.monotonic())

        return wait

    def shutdown(self) -> None:
        """A provider is shut down: deliver what it gave us. Other providers may go on."""
        self.force_flush(_SHUTDOWN_TIMEOUT_MS)

    def close(self, timeout: float) -> bool:
        """Deliver what waits, take nothing more, and end; after `timeout` seconds what still waits is given up.

        Starts no thread, so it works while the interpreter goes down. Returns whether everything was delivered.
        """
        if not self._closed:
            self._closed = True
            self._batches._batch_processor.shutdown(timeout_millis=int(timeout * 1000))
        return self.counts.undelivered == 0

    def _lost(self, count: int) -> None:
        try:
            self.on_lost(count)
        except Exception as error:  # noqa: BLE001 - never raises
            report("counting what was not delivered", error)

    def _begin_count(self) -> None:
        self._lock = threading.Lock()
        self._accepted = 0
        self._flushing: threading.Thread | None = None
        self.exporter.delivered = self.exporter.failed = 0

    def _start_flush_thread(self) -> threading.Thread:
        thread = threading.Thread(target=self._batches.force_flush, name=f"hardened-flush-{self.name}", daemon=True)
        thread.start()
        return thread


class CountingExporter(SpanExporter):
    """Exports, counts what arrived and what did not, and never raises. Called by one thread at a time."""

    def __init__(self, exporter: SpanExporter, name: str) -> None:
        self.inner = exporter
        self.delivered = 0
        self.failed = 0
        self.on_failed: Callable[[int], None] = lambda _count: None
        self._name = name
        self._complained = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans; an exception counts as FAILURE, and the first one is logged by its type."""
        try:
            result = self.inner.export(spans)
        except Exception as error:  # noqa: BLE001 - whatever an exporter does, the application goes on
            result = SpanExportResult.FAILURE
            if not self._complained:
                self._complained = True
                _log.warning("hardened: traces could not be sent to %s: %s", self._name, type(error).__name__)
        if result is SpanExportResult.SUCCESS:
            self.delivered += len(spans)
        else:
            self.failed += len(spans)
            self.on_failed(len(spans))
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whatever the exporter buffers itself."""
        return self.inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """End the exporter; what it raises then is of no use to anyone."""
        try:
            self.inner.shutdown()
        except Exception as error:  # noqa: BLE001 - as above
            _log.debug("the exporter to %s failed to shut down: %s", self._name, type(error).__name__)


class LazyExporter(SpanExporter):
    """Makes the exporter when the first spans are to be sent, in the thread that sends them: its imports are heavy."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._exporter: SpanExporter | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans, with an exporter made now if there is none. Raises what making it raises."""
        if self._exporter is None:
            self._exporter = self._make()
        return self._exporter.export(spans)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whatever the exporter buffers itself, if it exists."""
        return self._exporter is None or self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """End the exporter, if it exists."""
        if self._exporter is not None:
            self._exporter.shutdown()
