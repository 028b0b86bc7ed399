"""Facts of a call as the attributes of its span."""

from __future__ import annotations

from typing import Any

from hardened.spend.prices import Cost
from hardened.telemetry import semconv
from hardened_instrumentation.calls import Usage


def error_type(error: BaseException) -> str:
    """`error.type` of an exception: the HTTP status where the SDK knows one, else the name of its class."""
    status = getattr(error, "status_code", None)
    return str(status) if isinstance(status, int) else type(error).__qualname__


def of_usage(usage: Usage) -> dict[str, int]:
    """The tokens that are known."""
    counts = (
        (semconv.USAGE_INPUT_TOKENS, usage.input),
        (semconv.USAGE_OUTPUT_TOKENS, usage.output),
        (semconv.USAGE_CACHE_READ_INPUT_TOKENS, usage.cache_read),
        (semconv.USAGE_CACHE_CREATION_INPUT_TOKENS, usage.cache_write),
        (semconv.USAGE_REASONING_OUTPUT_TOKENS, usage.reasoning),
    )
    return {name: count for name, count in counts if count is not None}


def of_cost(cost: Cost | None) -> dict[str, Any]:
    """USD, and where the price is from; `None`: nobody knows the price."""
    if cost is None:
        return {semconv.COST_KNOWN: False}
    return {
        semconv.COST_KNOWN: True,
        semconv.COST_USD: cost.total,
        semconv.COST_INPUT_USD: cost.input,
        semconv.COST_OUTPUT_USD: cost.output,
        semconv.COST_SOURCE: cost.source,
    }
