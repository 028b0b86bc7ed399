"""Putting everything in place, and taking it away again."""

from __future__ import annotations

import logging

import hardened_instrumentation
from hardened.pipeline import handle
from hardened.policy.active import active, active_source, on_change
from hardened.policy.schema import Policy
from hardened.policy.summary import describe
from hardened.telemetry import scrub
from hardened.telemetry.faults import report
from hardened.worker import worker

_log = logging.getLogger("hardened")
_instrumented = False


def instrument() -> None:
    """Instrument the provider SDKs as the active policy says; what `import hardened.auto` does. Idempotent.

    Never raises. Takes back what `uninstrument` did.
    """
    global _instrumented
    try:
        scrub.install()
    except Exception as error:  # noqa: BLE001 - an import must not fail; scrub itself fails closed
        report("installing the scrubber", error)
    policy = active()
    _apply(policy)
    if not _instrumented:
        _instrumented = True
        _log.info("%s (policy: %s)", describe(policy), active_source())


def uninstrument(*, scrub: bool = False) -> None:
    """Restore every attribute of the provider SDKs. Streams in progress go on to their end.

    Telemetry is still scrubbed before it leaves the process, unless `scrub` is true: then that ends too.
    """
    global _instrumented
    _instrumented = False
    hardened_instrumentation.uninstrument()
    if scrub:
        from hardened.telemetry.scrub import uninstall

        uninstall()


def _apply(policy: Policy) -> None:
    native_spans = policy.telemetry.native_spans == "keep"
    hardened_instrumentation.instrument(
        handle, disable=policy.disable, also=policy.providers, native_spans=native_spans, later=worker.post
    )


def _policy_changed(policy: Policy) -> None:
    if _instrumented:
        _apply(policy)


on_change(_policy_changed)
