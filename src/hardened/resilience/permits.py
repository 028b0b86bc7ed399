"""How many may be at work on one thing at a time: the rest waits, by priority, and what is too much is refused."""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Callable, Generator
from itertools import count
from typing import Any, Final
from weakref import WeakValueDictionary

from hardened.errors import Overloaded
from hardened.resilience.plan import Crowd
from hardened_instrumentation.calls import Effect, Until, perform

NORMAL: Final = 2
"""Priority of what has none; 1 goes before it, 3 behind."""

WEIGHT: Final = 0.2
"""How much the last duration counts in the mean that `retry_after` is estimated from."""


class Waiter:
    """One that waits for its turn. Whoever frees a place wakes it; it may be woken before it listens."""

    def __init__(self) -> None:
        self.woken = self.has_place = self.gone = False
        self._call: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def listen(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._call = call
            if self.woken:
                call()

    def wake(self, *, place: bool) -> bool:
        """It has a place now, or will get none. Returns whether it was still there to hear it."""
        with self._lock:
            if self.gone:
                return False
            self.woken, self.has_place = True, place
            if self._call is not None:
                self._call()
            return True

    def leave(self) -> bool:
        """It will not wait any longer. Returns whether it has a place."""
        with self._lock:
            self.gone = True
            return self.has_place


class Permits:
    """The places of one thing. Thread-safe, for sync and async callers at once."""

    def __init__(self) -> None:
        self._busy = 0
        self._line: list[tuple[int, int, Waiter]] = []
        self._numbers = count()
        self._mean = 1.0  # seconds that a place is taken
        self._lock = threading.Lock()

    def enter(self, name: str, crowd: Crowd, priority: int) -> Generator[Effect[Any], Any, Callable[[], None]]:
        """Wait for a place; returns what gives it back, once. Raises `Overloaded`."""
        waiter = self._take(name, crowd, priority)
        if waiter is not None:
            try:
                yield from perform(Until(waiter.listen, crowd.wait))
            except BaseException:
                if waiter.leave():  # its turn came as it was cancelled: the next one has it
                    self._give_back(self._mean)
                raise
            if not waiter.leave():
                raise self._refusal(name, crowd)
        return self._place()

    def _take(self, name: str, crowd: Crowd, priority: int) -> Waiter | None:
        with self._lock:
            if self._busy < crowd.limit:
                self._busy += 1
                return None
            self._line = [entry for entry in self._line if not entry[2].gone]
            heapq.heapify(self._line)
            if len(self._line) >= crowd.queue and not self._gives_way(priority):
                raise self._refusal(name, crowd)
            waiter = Waiter()
            heapq.heappush(self._line, (priority, next(self._numbers), waiter))
            return waiter

    def _gives_way(self, priority: int) -> bool:
        """Send the least urgent away, and of these the one that came last, if it is less urgent than `priority`."""
        least = max(self._line, default=None)
        if least is None or least[0] <= priority:
            return False
        self._line.remove(least)
        heapq.heapify(self._line)
        least[2].wake(place=False)
        return True

    def _refusal(self, name: str, crowd: Crowd) -> Overloaded:
        return Overloaded(target=name, retry_after=max(0.1, self._mean * (len(self._line) + 1) / crowd.limit))

    def _place(self) -> Callable[[], None]:
        began = time.monotonic()
        held = [began]

        def give_back() -> None:
            try:
                held.pop()
            except IndexError:
                return
            self._give_back(time.monotonic() - began)

        return give_back

    def _give_back(self, seconds: float) -> None:
        with self._lock:
            self._mean += WEIGHT * (seconds - self._mean)
            while self._line:
                if heapq.heappop(self._line)[2].wake(place=True):  # the place goes on to it
                    return
            self._busy -= 1


_permits: WeakValueDictionary[str, Permits] = WeakValueDictionary()
"""Kept by whoever holds a place or waits for one: names of models may come from users, without end."""
_lock = threading.Lock()


def _after_fork() -> None:
    """In a forked child nobody is at work."""
    global _lock
    _lock = threading.Lock()
    _permits.clear()


os.register_at_fork(after_in_child=_after_fork)


def permits(name: str) -> Permits:
    """The places of that name in this process."""
    with _lock:
        found = _permits.get(name)
        if found is None:
            found = _permits[name] = Permits()
        return found
