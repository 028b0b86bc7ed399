"""Bodies of sync responses that nobody reads to their end or closes: closed with the next call, not by the collector.

A body that was begun is a generator. If it is dropped in a cycle, as the SDKs' streams are, the garbage collector ends
it, in whatever the thread is doing. With `httpx`, where that is the connection pool, it waits for ever for a lock that
its own thread holds. So what was begun is kept here until it is over, and what is dropped meanwhile is closed when the
next call begins. Bodies of async responses are ended by their event loop, which does so between two steps.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Final

_begun: Final[set[Iterator[bytes]]] = set()
_dropped: Final[SimpleQueue[Iterator[bytes]]] = SimpleQueue()
"""The one kind of queue that a finaliser may put something into."""


class Reading:
    """The pieces of a body, for a `with` block in which they are read."""

    __slots__ = ("_pieces",)

    def __init__(self, body: Iterable[bytes]) -> None:
        self._pieces = iter(body)

    def __enter__(self) -> Iterator[bytes]:
        _begun.add(self._pieces)
        return self._pieces

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is GeneratorExit:
            _dropped.put(self._pieces)
        else:
            _begun.discard(self._pieces)


def keep(pieces: Iterator[bytes]) -> None:
    """Whoever holds these will call `leave` when it goes."""
    _begun.add(pieces)


leave: Final = _dropped.put
"""Close these soon. Safe in a finaliser, also at the very end of a program."""


def close_dropped() -> None:
    """Close what was dropped."""
    while not _dropped.empty():
        with suppress(Empty):  # another thread was quicker
            pieces = _dropped.get_nowait()
            _begun.discard(pieces)
            _close(pieces)


def _close(pieces: Any) -> None:
    with suppress(Exception):  # nobody waits for it any more
        pieces.close()


@atexit.register
def close_all() -> None:
    """Close what was begun while everything that this needs is still there."""
    for pieces in [*_begun]:
        _close(pieces)


def hold_weakly(body: Any, response: Any) -> None:
    """Let a body that is kept here not keep its response: `httpx` writes into that how long it took."""
    while "inner" in getattr(body, "__dict__", ()):
        body = body.inner
    if getattr(body, "_response", None) is response:
        body._response = weakref.proxy(response)
