"""Native code that lets go of the interpreter lock must not run in a thread while the interpreter ends.

google-re2 searches without that lock. Up to Python 3.13 a daemon thread that wants it back after the interpreter has
begun to end is unwound instead (`PyEval_RestoreThread`), through C++ that does not allow it: the process aborts, with
SIGABRT, though its work was done. A thread that is stopped in Python code, as in `re`, does no such harm.

So whoever calls such code enters here before and leaves after. At exit the door is closed, who is inside is waited for,
and from then on `enter` says no: the caller does the same with the standard library.
"""

from __future__ import annotations

import atexit
import os
import time
from threading import get_ident, main_thread
from typing import Final

PATIENCE: Final = 5.0
"""Seconds that the exit waits for native code at most; one search of a kilobyte takes some microseconds."""

_POLL = 0.001  # seconds

_inside: set[int] = set()
_closed = not main_thread().is_alive()  # else a thread imports this while the interpreter ends: too late to register


def enter() -> bool:
    """Whether native code may run in this thread now; then `leave` must follow. Not to be nested."""
    # First in, then look; `close` closes first and then looks who is in. So one of the two sees the other.
    _inside.add(get_ident())
    if _closed:
        leave()
    return not _closed


def leave() -> None:
    """This thread has done with native code."""
    _inside.discard(get_ident())


def close(patience: float = PATIENCE) -> bool:
    """Let nobody in any more and wait for the other threads that are inside; returns whether they have left."""
    global _closed
    _closed = True
    deadline = time.monotonic() + patience
    while others := _inside - {get_ident()}:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL)
    return not others


# Exit handlers run in reverse order: one that needs fast scans itself is to be registered after this one.
atexit.register(close)
os.register_at_fork(after_in_child=_inside.clear)  # the threads that were inside are not in the child
