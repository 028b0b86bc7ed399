"""Faults of our own telemetry: never the application's problem, never silent."""

from __future__ import annotations

import logging
from collections import Counter

_log = logging.getLogger("hardened.telemetry")

_counts: Counter[tuple[str, str]] = Counter()


def report(doing: str, error: BaseException) -> None:
    """Count a fault; log its kind the first time, and never its message, which may hold what was being recorded."""
    key = (doing, type(error).__qualname__)
    _counts[key] += 1
    if _counts[key] == 1:
        _log.error("hardened: %s failed: %s. The call itself is not affected; telemetry of it may be missing.", *key)


def counts() -> dict[str, int]:
    """How often what has failed so far, for `hardened doctor`."""
    return {f"{doing}: {kind}": count for (doing, kind), count in _counts.items()}
