"""One logical call, sent as often as it takes. The only place that sends again: the SDK's own retries are off."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from typing import Any

from hardened.resilience import backoff
from hardened.resilience.classify import Fault, of_error
from hardened.telemetry.record import CallRecord
from hardened_instrumentation.calls import Call, Effect, Reply, Send, Sleep, perform


def send(call: Call, record: CallRecord) -> Generator[Effect[Any], Any, Reply]:
    """The provider's answer to `call`.

    Raises what the SDK raised for the last request, as it is.
    """
    if call.retries is None or call.native_span:  # only the SDK can send it again, or its span shall cover all requests
        return (yield from perform(Send(call, record.scope())))
    call.max_retries = 0
    for attempt in count():
        record.sending(attempt)
        try:
            return (yield from perform(Send(call, record.scope(), attempt)))
        except Exception as error:
            fault = of_error(call.sdk, error)
            if fault is None:
                raise
            wait = _wait(fault, attempt) if attempt < call.retries else None
            record.attempt_failed(attempt, fault.kind, fault.code, wait)
            if wait is None:
                raise
        yield from perform(Sleep(wait))
    raise AssertionError("unreachable")


def _wait(fault: Fault, attempt: int) -> float | None:
    """Seconds until the same request goes out again; `None` if it shall not."""
    if not fault.again:
        return None
    if fault.retry_after is None:
        return backoff.pause(attempt)
    return backoff.after(fault.retry_after) if fault.retry_after <= backoff.LONGEST else None
