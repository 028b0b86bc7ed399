"""The tracer and the meter to use now, and the end of everything that we export.

Never sets a global provider: OpenTelemetry takes only one, so setting ours would silently lose the application's.

* If the application has set a `TracerProvider`, its spans and ours belong together: we use it, and add our local file
  and Langfuse to it, for our spans and others about LLMs. Where else they go is the application's choice.
* Until then, or if it never does, a provider of our own, with all destinations that are configured.

Which of the two holds is looked up at every call, so it does not matter who is first.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.metrics import Meter, MeterProvider, NoOpMeter, get_meter_provider
from opentelemetry.metrics._internal import _ProxyMeterProvider
from opentelemetry.trace import NoOpTracer, ProxyTracerProvider, Tracer, TracerProvider

from hardened.policy.active import active, on_change
from hardened.telemetry import destinations, scrub, semconv
from hardened.telemetry.context import StampProcessor
from hardened.telemetry.delivery import Counts, Delivery
from hardened.telemetry.metrics import Metrics
from hardened.version import __version__
from hardened.worker import worker

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

    from hardened.policy.schema import Policy

_log = logging.getLogger("hardened.telemetry")

EXIT_TIMEOUT = 3.0
"""Seconds that the exit of the process waits for destinations, all together."""


class Telemetry:
    """Everything that is exported under one policy. Nothing is built before the first span or metric."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._shared: list[Delivery] | None = None  # destinations of every provider's spans
        self._own: list[Delivery] = []  # further destinations of our own provider's
        self._own_provider: SdkTracerProvider | None = None
        self._own_meters: SdkMeterProvider | None = None
        self._joined: list[TracerProvider] = []  # the application's providers that deliver to us
        self._tracer: tuple[TracerProvider, Tracer] | None = None  # the global provider, and what is used under it
        self._meter: tuple[MeterProvider, Meter] | None = None
        self._metrics: tuple[Meter, Metrics] | None = None
        self._unlock()
        after_fork = weakref.WeakMethod(self._unlock)
        os.register_at_fork(after_in_child=lambda: (method := after_fork()) and method())

    def _unlock(self) -> None:
        self._lock = threading.RLock()

    # --- traces

    def tracer(self) -> Tracer:
        """The tracer for the next span. Never raises: if none can be had, one that records nothing, and a warning."""
        provider = trace.get_tracer_provider()
        current = self._tracer
        if current is not None and current[0] is provider:
            return current[1]
        with self._lock:
            try:
                tracer = self._tracer_under(provider)
            except Exception as error:  # noqa: BLE001 - without telemetry the application still works
                tracer = NoOpTracer()
                _log.warning(
                    "hardened: no traces are recorded, because OpenTelemetry cannot be set up: %s", _reason(error)
                )
            self._tracer = (provider, tracer)
            return tracer

    def _tracer_under(self, provider: TracerProvider) -> Tracer:
        """Ours while `provider` is only OpenTelemetry's placeholder, else the application's."""
        if destinations.sdk_disabled():
            return NoOpTracer()
        if not isinstance(provider, ProxyTracerProvider):
            self._join(provider)
        elif destinations.traces_disabled():
            return NoOpTracer()
        else:
            provider = self._own_provider = self._own_provider or self._new_provider()
        return provider.get_tracer(semconv.SCOPE, __version__)

    def _join(self, provider: TracerProvider) -> None:
        """Have the application's provider deliver to our local file and Langfuse too."""
        if any(provider is joined for joined in self._joined):
            return
        self._joined.append(provider)
        add = getattr(provider, "add_span_processor", None)
        if add is None:
            _log.info(
                "hardened: the tracer provider %s takes no processors: no local traces", type(provider).__qualname__
            )
            return
        for processor in (StampProcessor(), *self._shared_deliveries()):
            add(processor)

    def _new_provider(self) -> SdkTracerProvider:
        from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider

        provider = SdkTracerProvider(resource=_resource(self._policy), shutdown_on_exit=False)
        self._own = destinations.own_deliveries(self._policy)
        for delivery in self._own:
            delivery.on_lost = self._count_lost
        for processor in (StampProcessor(), *self._shared_deliveries(), *self._own):
            provider.add_span_processor(processor)
        return provider

    def _shared_deliveries(self) -> list[Delivery]:
        if self._shared is None:
            self._shared = destinations.shared_deliveries(self._policy)
            for delivery in self._shared:
                delivery.on_lost = self._count_lost
        return self._shared

    # --- metrics

    def meter(self) -> Meter:
        """The meter for the next instrument; the same object as long as nothing changes. Never raises.

        The application's, if it has set a `MeterProvider`. Else our own if an OTLP endpoint is configured, else
        OpenTelemetry's placeholder, which becomes the application's when that is set.
        """
        provider = get_meter_provider()
        current = self._meter
        if current is not None and current[0] is provider:
            return current[1]
        with self._lock:
            try:
                meter = self._meter_under(provider)
            except Exception as error:  # noqa: BLE001 - as above
                meter = NoOpMeter(semconv.SCOPE)
                _log.warning(
                    "hardened: no metrics are recorded, because OpenTelemetry cannot be set up: %s", _reason(error)
                )
            self._meter = (provider, meter)
            return meter

    def _meter_under(self, provider: MeterProvider) -> Meter:
        if not self._policy.telemetry.metrics or destinations.sdk_disabled():
            return NoOpMeter(semconv.SCOPE)
        if isinstance(provider, _ProxyMeterProvider) and destinations.otlp_enabled(self._policy, signal="METRICS"):
            provider = self._own_meters = self._own_meters or self._new_meter_provider()
        return provider.get_meter(semconv.SCOPE, __version__)

    def _new_meter_provider(self) -> SdkMeterProvider:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        return SdkMeterProvider([reader], resource=_resource(self._policy), shutdown_on_exit=False)

    def _count_lost(self, count: int) -> None:
        meter = self.meter()
        if self._metrics is None or self._metrics[0] is not meter:
            self._metrics = (meter, Metrics(meter))
        self._metrics[1].dropped(count)

    # --- the end

    def flush(self, timeout: float) -> bool:
        """Deliver what has ended so far, to all destinations at once, in at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        waits = [delivery.start_flush() for delivery in self._deliveries()]
        if self._own_meters is not None:
            waits.append(_in_thread(self._own_meters.force_flush))
        finished = [wait(max(0.0, deadline - time.monotonic())) for wait in waits]
        return all(finished)

    def close(self, timeout: float) -> bool:
        """Deliver what has ended and stop, in at most about `timeout` seconds. Returns whether everything arrived."""
        deadline = time.monotonic() + timeout
        deliveries = self._deliveries()
        parts = len(deliveries) + (self._own_meters is not None)
        for index, delivery in enumerate(deliveries):
            # Each gets its share of what is left, so that one that hangs does not cost the others theirs.
            delivery.close(max(0.0, deadline - time.monotonic()) / (parts - index))
        if self._own_meters is not None:
            meters, self._own_meters = self._own_meters, None
            meters.shutdown(timeout_millis=max(0.0, deadline - time.monotonic()) * 1000)
        return all(delivery.counts.undelivered == 0 for delivery in deliveries)

    def stats(self) -> dict[str, Counts]:
        """What became of the spans, by destination."""
        return {name: counts for delivery in self._deliveries() for name, counts in delivery.stats().items()}

    def _deliveries(self) -> tuple[Delivery, ...]:
        return (*(self._shared or ()), *self._own)


def _resource(policy: Policy) -> Resource:
    """The resource as OpenTelemetry's variables describe it; the policy's service name if they give none."""
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource

    named = SERVICE_NAME in OTELResourceDetector().detect().attributes
    return Resource.create({} if named or not policy.service_name else {SERVICE_NAME: policy.service_name})


def _reason(error: Exception) -> str:
    """What is wrong, if it is a value of OpenTelemetry's variables; else the type: a message may hold anything."""
    return str(error) if type(error) is ValueError else type(error).__name__


def _in_thread(work: Callable[[], object]) -> Callable[[float], bool]:
    """Start `work`; the function returned waits for its end and says whether it came."""
    thread = threading.Thread(target=work, name="hardened-flush", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # the interpreter is going down
        return lambda _timeout: False

    def wait(timeout: float) -> bool:
        thread.join(timeout)
        return not thread.is_alive()

    return wait


# --- the one of this process

_current: Telemetry | None = None
_lock = threading.Lock()


def tracer() -> Tracer:
    """The tracer for the next span, of the application's provider if it has set one. Cheap; ask anew for every span."""
    return (_current or _start()).tracer()


def meter() -> Meter:
    """The meter to create instruments with. Cheap; the same object as long as nothing changes."""
    return (_current or _start()).meter()


def flush(timeout: float = 10.0) -> bool:
    """Deliver all spans and metrics that are waiting, in at most `timeout` seconds; for serverless and short scripts.

    Returns whether that was enough; what a destination refused is in `stats`. The application's own exporters are
    flushed by its own provider.
    """
    deadline = time.monotonic() + timeout
    ended = worker.flush(timeout)  # spans whose price is still being looked for, and those of dropped streams
    ended = _await_retired(deadline) and ended
    return (_current is None or _current.flush(max(0.0, deadline - time.monotonic()))) and ended


def shutdown(timeout: float = EXIT_TIMEOUT) -> bool:
    """Deliver what is waiting and stop exporting; in at most about `timeout` seconds. Runs by itself at exit.

    Says in one log line how many spans did not arrive, if any. Returns whether all did. The next span starts anew.
    """
    global _current
    deadline = time.monotonic() + timeout
    worker.flush(timeout / 2)
    _await_retired(deadline)
    with _lock:
        telemetry, _current = _current, None
    if telemetry is None:
        return True
    timeout = max(0.0, deadline - time.monotonic())
    delivered = telemetry.close(timeout)
    lost = {name: counts for name, counts in telemetry.stats().items() if counts.undelivered}
    if lost:
        _log.warning(
            "hardened: telemetry that was not delivered: %s; `hardened doctor` looks whether it can be",
            ", ".join(f"{counts.undelivered} of {counts.accepted} to {name}" for name, counts in lost.items()),
        )
    return delivered


def stats() -> dict[str, Counts]:
    """What became of the spans so far, by destination: `file`, `langfuse`, `otlp`, `console`."""
    return {} if _current is None else _current.stats()


def _start() -> Telemetry:
    global _current
    _prepare_once()
    policy = active()  # not under our lock: who sets a policy holds the policy's lock and then asks for ours
    with _lock:
        if _current is None:
            _current = Telemetry(policy)
            scrub.set_span_filter(destinations.ContentRule(policy))
        telemetry = _current
    if active() is policy:
        return telemetry
    _replace(active())
    return _start()


def _prepare_once() -> None:
    global _prepared
    with _lock:
        first, _prepared = not _prepared, True
    if first:
        on_change(_replace)
        atexit.register(shutdown)
        os.register_at_fork(before=_deliver_at_exit_of_children, after_in_child=_unlock)
        _deliver_at_exit_of_children()


_prepared = False


def _replace(policy: Policy) -> None:
    """Another policy holds: the next span starts anew under it, and what waits is delivered in the background."""
    global _current
    with _lock:
        telemetry, _current = _current, None
        scrub.set_span_filter(destinations.ContentRule(policy))
    if telemetry is not None:
        _retired.append(_in_thread(lambda: _retire(telemetry)))


def _retire(telemetry: Telemetry) -> None:
    worker.flush(EXIT_TIMEOUT)  # calls that are over may still wait for their price
    telemetry.close(EXIT_TIMEOUT)


def _await_retired(deadline: float) -> bool:
    """Wait until what was replaced has delivered; returns whether it has."""
    for wait in list(_retired):
        if wait(max(0.0, deadline - time.monotonic())):
            _retired.remove(wait)
    return not _retired


_retired: list[Callable[[float], bool]] = []


def _unlock() -> None:
    global _lock
    _lock = threading.Lock()
    _retired.clear()  # its threads are not in the child


def _deliver_at_exit_of_children() -> None:
    """`multiprocessing` ends its children without `atexit`, so there we shut down in its own way.

    Called before every fork, for the children to come, and once in a child that was not forked from a process of ours.
    """
    global _children_prepared
    util: Any = sys.modules.get("multiprocessing.util")
    process: Any = sys.modules.get("multiprocessing.process")
    if util is None or process is None:
        return

    def at_exit(_: object = None) -> None:
        util.Finalize(None, shutdown, exitpriority=0)

    if not _children_prepared:
        _children_prepared = True
        util.register_after_fork(shutdown, at_exit)
        if process.parent_process() is not None:
            at_exit()


_children_prepared = False
