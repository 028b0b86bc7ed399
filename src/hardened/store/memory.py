"""The store of one process: dictionaries under a lock. Nothing survives the process, and nothing waits."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hardened.store.api import Operation

T = TypeVar("T")

SPARE = 1024
"""So many ends of rows that are gone, and as many as there are rows, are kept at most."""


class MemoryStore:
    """Runs operations on dictionaries. A forked child goes on with a copy of its own.

    Args:
        clock: seconds since the epoch.
    """

    name = "memory"
    inline = True
    has_twin = False

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rows: dict[str, tuple[Any, float]] = {}
        self._ends: list[tuple[float, str]] = []  # a heap; ends that a row no longer has are skipped
        self._lock = threading.RLock()  # a finaliser may settle a call in the thread that holds it
        os.register_at_fork(after_in_child=self._new_lock)

    def run(self, operation: Operation[T]) -> T:
        """Run an operation. Every operation checks before it writes, so one that raises has changed nothing."""
        with self._lock:
            return operation.apply(_Transaction(self._rows, self._ends, self._clock()))

    async def arun(self, operation: Operation[T]) -> T:
        return self.run(operation)

    def close(self) -> None:
        """Nothing is open."""

    def _new_lock(self) -> None:
        self._lock = threading.RLock()


class _Transaction:
    """`Rows` over the dictionaries, at one time."""

    def __init__(self, rows: dict[str, tuple[Any, float]], ends: list[tuple[float, str]], now: float) -> None:
        self._rows = rows
        self._ends = ends
        self.now = now

    def get(self, key: str, *, late: bool = False) -> Any:
        value, until = self._rows.get(key, (None, 0.0))
        return value if late or until > self.now else None

    def put(self, key: str, value: Any, until: float) -> None:
        before = self._rows.get(key)
        self._rows[key] = (value, until)
        if before is None or before[1] != until:
            heapq.heappush(self._ends, (until, key))
            if len(self._ends) > 2 * len(self._rows) + SPARE:
                self._ends[:] = [(end, name) for name, (_, end) in self._rows.items()]
                heapq.heapify(self._ends)

    def delete(self, key: str) -> None:
        self._rows.pop(key, None)

    def due(self, most: int) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        while self._ends and self._ends[0][0] <= self.now and len(found) < most:
            until, key = heapq.heappop(self._ends)
            value, current = self._rows.get(key, (None, None))
            if current == until:
                found.append((key, value))
        return found

    def scan(self, prefix: str) -> list[tuple[str, Any]]:
        return sorted(
            (key, value) for key, (value, until) in self._rows.items() if key.startswith(prefix) and until > self.now
        )
