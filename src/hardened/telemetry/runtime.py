"""What the telemetry of calls needs, made once from the active policy."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry import trace
from opentelemetry.metrics import Meter
from opentelemetry.trace import Span

from hardened.policy.active import active, on_change
from hardened.spend.prices import PriceBook
from hardened.telemetry import providers, scrub
from hardened.telemetry.destinations import wants_content
from hardened.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from hardened.policy.schema import Policy


class Runtime(NamedTuple):
    """Prices and what to capture; replaced as a whole when the policy changes."""

    prices: PriceBook
    captures_content: bool
    content_budget: int  # bytes for each content attribute

    @property
    def metrics(self) -> Metrics:
        """Our instruments on the application's meter provider, or on ours as long as it has none."""
        return _metrics(providers.meter())

    @staticmethod
    def tracer() -> trace.Tracer:
        """The tracer of the application's provider, or of ours as long as it has none."""
        return providers.tracer()

    @staticmethod
    def inject(span: Span, headers: dict[str, str]) -> None:
        """Add the trace context of `span` to request headers, with the propagator that the application has chosen."""
        from opentelemetry.propagate import inject

        inject(headers, trace.set_span_in_context(span))


@lru_cache(maxsize=4)
def _metrics(meter: Meter) -> Metrics:
    return Metrics(meter)


_lock = threading.Lock()
_runtime: Runtime | None = None


def runtime() -> Runtime:
    """The telemetry of the active policy."""
    found = _runtime
    if found is None:
        _build(active())
        found = _runtime
        assert found is not None
    return found


def _build(policy: Policy) -> None:
    global _runtime
    with _lock:
        _runtime = Runtime(
            prices=PriceBook(policy.prices),
            captures_content=wants_content(policy) and not scrub.missing(),
            content_budget=policy.telemetry.max_content_bytes // 2,
        )


on_change(_build)
