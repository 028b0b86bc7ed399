"""How long to wait before a request is sent again."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

BASE: Final = 0.5
CAP: Final = 8.0
"""Seconds: the first pause at most, and any. They are those of the Stainless SDKs."""

LONGEST: Final = 120.0
"""Seconds that a provider may ask us to wait where no deadline says how long we can: as openai 2.54 has it. A longer
wait is an answer: come back later."""


def pause(attempt: int, *, base: float = BASE, cap: float = CAP) -> float:
    """Seconds to wait after so many retries, drawn from all of [0, base·2^attempt]: "full jitter".

    M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: of the ways to draw it, this one needs
    the least time and calls until all clients are served.
    """
    return random.uniform(0.0, min(cap, base * 2.0 ** min(attempt, 1000)))  # noqa: S311 - not a secret


def after(wait: float) -> float:
    """Seconds to wait when the provider said how long: and up to a tenth more, so that not all come at once."""
    return wait * random.uniform(1.0, 1.1)  # noqa: S311


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait; `None` if it does not, or in no way that makes sense.

    `retry-after-ms` (OpenAI), `retry-after` in seconds or as an HTTP date (RFC 9110, section 10.2.3). What
    `x-ratelimit-reset-…` and `anthropic-ratelimit-…-reset` say is another moment: when the whole limit is free again,
    long after there is room for one request.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        seconds = _number(value)
        if seconds is None and unit == 1.0:
            seconds = _until(value)
        if seconds is not None and 0 < seconds / unit < math.inf:
            return seconds / unit
    return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _until(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError, TypeError):
        return None
