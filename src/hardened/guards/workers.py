"""Functions that must answer in time, such as detectors, run in threads of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SLOTS: Final = 8


class Run(Generic[T]):
    """One function at work. Its time counts from the start, waiting for a free slot included."""

    def __init__(self, slots: threading.BoundedSemaphore, name: str, function: Callable[[], T], timeout: float) -> None:
        self._function = function
        self._deadline = time.monotonic() + timeout
        self._slots = slots
        self._done = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None
        if not slots.acquire(timeout=timeout):
            return
        try:
            target = copy_context().run
            threading.Thread(target=target, args=(self._work,), name=name, daemon=True).start()
        except RuntimeError as error:  # the process may not start any more threads
            slots.release()
            self._error = error
            self._done.set()

    def _work(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error
        finally:
            self._slots.release()
            self._done.set()

    def result(self) -> T:
        """What the function returned; raises what it raised, or TimeoutError."""
        if not self._done.wait(max(0.0, self._deadline - time.monotonic())):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # done without an error: it is a T


class Workers:
    """At most `slots` functions at once. One that timed out keeps its slot until it returns: hung ones cannot pile up.

    Nothing is started before it is needed, and no thread keeps the process from ending.
    """

    def __init__(self, slots: int = SLOTS, name: str = "hardened-detector") -> None:
        self._number = slots
        self._name = name
        self._slots = threading.BoundedSemaphore(slots)

    def after_fork(self) -> None:
        """In a forked child: no thread is at work."""
        self._slots = threading.BoundedSemaphore(self._number)

    def start(self, function: Callable[[], T], timeout: float) -> Run[T]:
        """Begin, in the context of the caller; waits only while all slots are taken, at most `timeout` seconds."""
        return Run(self._slots, self._name, function, timeout)
