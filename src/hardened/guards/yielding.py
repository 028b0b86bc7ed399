"""Long work in a thread that keeps no event loop waiting."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

T = TypeVar("T")

INTERVAL: Final = 0.000_25
"""Seconds that another thread waits for the interpreter lock while such work is done; Python's own default is 0.005."""

_lock = Lock()
_running = 0
_usual = 0.0


def yielding(function: Callable[[], T]) -> T:
    """Call `function`; while it runs, whoever else wants to run waits for `INTERVAL` instead of 5 ms.

    The switch interval belongs to the process. It is put back when no such call runs any more, unless somebody else has
    changed it in between.
    """
    _begin()
    try:
        return function()
    finally:
        _end()


def _begin() -> None:
    global _running, _usual
    with _lock:
        if not _running:
            _usual = sys.getswitchinterval()
            if _usual > INTERVAL:
                sys.setswitchinterval(INTERVAL)
        _running += 1


def _end() -> None:
    global _running
    with _lock:
        _running -= 1
        if not _running and _usual > INTERVAL and abs(sys.getswitchinterval() - INTERVAL) < INTERVAL / 100:
            sys.setswitchinterval(_usual)
