"""Retries of the whole process as a share of its calls: when a provider is down, nobody multiplies the load on it.

A bucket of tokens, as in gRPC's retry throttling (gRFC A6): a call puts in a share of one, a retry takes one out.
"""

from __future__ import annotations

import os
import threading
from typing import Final

RESERVE: Final = 10.0
"""So many retries are free at first, and as many are saved up at most: a process with few calls may retry too."""


class RetryBudget:
    """Thread-safe. A forked child has one of its own, with what was in it."""

    def __init__(self) -> None:
        self._saved = RESERVE
        self._lock = threading.Lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def called(self, share: float) -> None:
        """A call was made."""
        with self._lock:
            self._saved = min(RESERVE, self._saved + share)

    def take(self) -> bool:
        """Whether there is a retry left; then it is taken."""
        with self._lock:
            if self._saved < 1.0:
                return False
            self._saved -= 1.0
            return True

    def _after_fork(self) -> None:
        self._lock = threading.Lock()


budget = RetryBudget()
