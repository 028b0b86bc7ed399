"""Long work in a thread lets other threads run, an event loop first of all.

A thread that runs Python code gives up the interpreter lock when another one has waited for `sys.getswitchinterval()`,
5 ms; and one that gives it up only for moments, as around a short search of RE2, has it back before who waits for it
has woken up. So a scan of a long text that is not in the main thread sleeps now and then.
"""

from __future__ import annotations

import time
from threading import current_thread, main_thread
from typing import Final

LONG: Final = 8192
"""Characters; less is done within a fraction of a millisecond, or two."""

_EVERY: Final = 0.000_4  # seconds
_SLEEP: Final = 0.000_02  # seconds; the timer of the system makes more of it


class Pace:
    """Says when it is time to let others run, for work on `length` characters."""

    __slots__ = ("_due",)

    def __init__(self, length: int) -> None:
        aside = length > LONG and current_thread() is not main_thread()
        self._due = time.perf_counter() + _EVERY if aside else float("inf")

    def rest(self) -> None:
        """To be called between pieces of work that take some microseconds each."""
        if time.perf_counter() > self._due:
            time.sleep(_SLEEP)
            self._due = time.perf_counter() + _EVERY
